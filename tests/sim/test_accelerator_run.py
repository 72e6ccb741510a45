"""Networks on the whole accelerator's RTL, without golden at hand while it runs."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from golden.networks.instances import BERT, sample
from golden.networks.transformer import sentence_encoder
from golden.networks.weights import random_weights
from golden.quantize import quantize_network
from hw.accelerator.plan import PLANS
from hw.program import Program, compile_network
from sim.__main__ import main
from sim.accelerator.inputs import integer_inputs
from sim.accelerator.machine_bench import Job, MachineSimulator
from sim.accelerator.networks import Loaded, load, settings
from sim.accelerator.run import RunError, first_difference, golden_tensors, run_rtl, simulator
from sim.accelerator.spans import spans

TINY = PLANS["tiny"]


@pytest.fixture(scope="module")
def machine() -> MachineSimulator:
    return simulator(TINY)


def runs_of(
    machine: MachineSimulator, loaded: Loaded, lengths: tuple[int, ...], **timing: Any
) -> None:
    """Every tensor, or the tokens, of one program at these lengths equal golden's."""
    program = compile_network(
        loaded.graph,
        TINY.machine,
        loaded.maximums,
        trace=loaded.decoding is None,
        decoding=loaded.decoding,
    )
    inputs = [integer_inputs(loaded, sample(loaded.graph, n, n)) for n in lengths]
    with pytest.MonkeyPatch.context() as patch:
        # Whatever the machine finds, it does not find by golden's operators.
        patch.setattr("golden.networks.run.INTEGER_OPERATORS", {})
        runs = list(run_rtl(machine, program, inputs, **timing))
    for given, run in zip(inputs, runs, strict=True):
        assert first_difference(loaded.graph, run, golden_tensors(loaded, given)) is None


@pytest.mark.parametrize("timing", [{}, {"latency": 3, "stall": 0.4, "seed": 7}])
def test_every_tensor_of_an_encoder(machine: MachineSimulator, timing: dict[str, Any]) -> None:
    runs_of(machine, load("sentence encoder", TINY.machine), (9, 20, 1), **timing)


def test_more_rows_than_any_block(machine: MachineSimulator) -> None:
    """Several blocks of keys, more queries than the engine keeps, rows of more than six bits."""
    real = sentence_encoder("long", replace(BERT, positions=90), random_weights(3))
    graph = quantize_network(real, [sample(real, 1, 90)], settings(TINY.machine))
    runs_of(machine, Loaded(graph=graph, maximums={"tokens": 90}), (33, 90, 65))


@pytest.mark.parametrize("name", ["translator, post-norm", "words, gru additive", "vilbert"])
def test_decoders_recurrence_and_two_streams(machine: MachineSimulator, name: str) -> None:
    runs_of(machine, load(name, TINY.machine), (9,))


def spoiled(program: Program, symbol: str) -> Program:
    """The program with zeros where memory should have what begins with ``symbol``."""
    address, size = next(x for name, x in program.symbols.items() if name.startswith(symbol))
    image = bytearray(program.image)
    image[address : address + size] = bytes(size)
    return replace(program, image=bytes(image))


def test_a_difference_and_a_fault_are_told(machine: MachineSimulator) -> None:
    """A wrong weight is found by its operator; a program without an end ends in a fault."""
    loaded = load("sentence encoder", TINY.machine)
    program = compile_network(loaded.graph, TINY.machine, loaded.maximums, trace=True)
    given = integer_inputs(loaded, sample(loaded.graph, 4, 4))
    wrong = spoiled(program, "layer.1.output.weight")
    (run,) = run_rtl(machine, wrong, [given])
    told = first_difference(loaded.graph, run, golden_tensors(loaded, given))
    assert told is not None
    match = re.match(
        r"tensor 'layer\.1\.output' of operator 'layer\.1\.output' \(linear\) differs first at "
        r"\(0, 0\), stored at cycle ([\d,]+): ",
        told,
    )
    assert match is not None, told
    # Stopped at that cycle the machine has that tensor in memory, 500 cycles before it has not.
    cycle = int(match[1].replace(",", ""))
    order = [i for i, one in enumerate(program.instructions) if one.unit != "sequencer"]
    (stored,) = (
        one
        for one in spans(program, order, run.outcome.completions, TINY.queue_depth)
        if program.remarks[one.place] == "layer.1.output (trace)"
    )
    assert cycle == stored.end > 500
    for limit, equal in ((cycle, True), (cycle - 500, False)):
        job = Job(
            image={0: wrong.memory(given)},
            results={"memory": (0, wrong.memory_bytes)},
            arguments=wrong.registers(given),
            limit=limit,
        )
        (stopped,) = machine.run([job], wrong.memory_bytes)
        traced = wrong.results(stopped.results["memory"], given, traced=True)
        assert np.array_equal(traced["layer.1.output"], run.traced["layer.1.output"]) == equal
    image = bytearray(program.image)
    image[64 : 64 * len(program.instructions)] = bytes(64 * (len(program.instructions) - 1))
    with pytest.raises(RunError, match="ended with OPCODE of unit 0 after"):
        list(run_rtl(machine, replace(program, image=bytes(image)), [given]))


def test_row_scales_are_compared_with_their_cycle(machine: MachineSimulator) -> None:
    """They are header words in front of codes, which one store takes to memory."""
    loaded = load("sentence encoder", TINY.machine)
    program = compile_network(loaded.graph, TINY.machine, loaded.maximums, trace=True)
    given = integer_inputs(loaded, sample(loaded.graph, 4, 4))
    (run,) = run_rtl(machine, program, [given])
    golden = golden_tensors(loaded, given)
    codes, scales = "layer.0.attention.codes", "layer.0.attention.row_scale"
    cycle = run.arrival(codes, (2, 5))
    mantissa, exponent = golden[scales]
    golden[scales] = np.stack([mantissa, exponent + (np.arange(4) == 2)])
    told = first_difference(loaded.graph, run, golden)
    assert told is not None
    assert told.startswith(
        f"tensor {scales!r} of operator {codes!r} (quantize) differs first at (1, 2), stored at "
        f"cycle {cycle:,}: {exponent[2]}, not {exponent[2] + 1}; 1 of 8 differ"
    )


def test_a_wrong_token_is_told_with_its_cycle(machine: MachineSimulator) -> None:
    """Of a decoder, whose loop stores a token each time."""
    loaded = load("translator, post-norm", TINY.machine)
    program = compile_network(loaded.graph, TINY.machine, loaded.maximums, decoding=loaded.decoding)
    given = integer_inputs(loaded, sample(loaded.graph, 9, 9))
    (run,) = run_rtl(machine, program, [given])
    golden = golden_tensors(loaded, given)
    tokens = golden["tokens"].copy()
    assert len(tokens) > 3
    cycles = [run.arrival("tokens", (index,)) for index in range(len(tokens))]
    assert cycles == sorted(set(cycles))
    assert cycles[-1] < run.outcome.cycles
    tokens[2] += 1
    told = first_difference(loaded.graph, run, {"tokens": tokens[:3]})
    assert told == (
        f"tensor 'tokens' differs first at (2,), stored at cycle {cycles[2]:,}: "
        f"{golden['tokens'][2]}, not {tokens[2]}; 1 of {len(tokens)} differ"
    )


def test_the_command(machine: MachineSimulator) -> None:
    result = CliRunner().invoke(main, ["run", "sentence encoder", "--input", "5", "--trace"])
    assert result.exit_code == 0, result.output
    assert "bit-exact with golden: 47 tensors of each of 1 inputs" in result.output
    result = CliRunner().invoke(main, ["run", "nothing"])
    assert result.exit_code == 1
    assert "'nothing' is no network and no file: one of minilm" in result.output


def test_made_inputs_are_a_length() -> None:
    result = CliRunner().invoke(main, ["run", "sentence encoder", "--input", "long"])
    assert result.exit_code == 1
    assert "give a length, not 'long'" in result.output
