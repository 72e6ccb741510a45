"""Networks on the whole accelerator's RTL, without golden at hand while it runs."""

from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from golden.networks.instances import BERT, sample
from golden.networks.transformer import sentence_encoder
from golden.networks.weights import random_weights
from golden.quantize import quantize_network
from hw.accelerator.plan import PLANS
from hw.program import compile_network
from sim.__main__ import main
from sim.accelerator.inputs import integer_inputs
from sim.accelerator.machine_bench import MachineSimulator
from sim.accelerator.networks import Loaded, load, settings
from sim.accelerator.run import RunError, first_difference, golden_tensors, run_rtl, simulator

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


def test_a_difference_and_a_fault_are_told(machine: MachineSimulator) -> None:
    """A wrong weight is found by its operator; a program without an end ends in a fault."""
    loaded = load("sentence encoder", TINY.machine)
    program = compile_network(loaded.graph, TINY.machine, loaded.maximums, trace=True)
    given = integer_inputs(loaded, sample(loaded.graph, 4, 4))
    address, size = next(
        place for name, place in program.symbols.items() if name.startswith("layer.1.output.weight")
    )
    image = bytearray(program.image)
    image[address : address + size] = bytes(size)
    (run,) = run_rtl(machine, replace(program, image=bytes(image)), [given])
    told = first_difference(loaded.graph, run, golden_tensors(loaded, given))
    assert told is not None
    assert "operator 'layer.1.output' (linear) differs first at (0, 0)" in told
    image = bytearray(program.image)
    image[64 : 64 * len(program.instructions)] = bytes(64 * (len(program.instructions) - 1))
    with pytest.raises(RunError, match="ended with OPCODE of unit 0 after"):
        list(run_rtl(machine, replace(program, image=bytes(image)), [given]))


def test_the_command(machine: MachineSimulator) -> None:
    result = CliRunner().invoke(main, ["run", "sentence encoder", "--input", "5", "--trace"])
    assert result.exit_code == 0, result.output
    assert "bit-exact with golden: 39 tensors of each of 1 inputs" in result.output
    result = CliRunner().invoke(main, ["run", "nothing"])
    assert result.exit_code == 1
    assert "'nothing' is no network and no file: one of minilm" in result.output


def test_made_inputs_are_a_length() -> None:
    result = CliRunner().invoke(main, ["run", "sentence encoder", "--input", "long"])
    assert result.exit_code == 1
    assert "give a length, not 'long'" in result.output
