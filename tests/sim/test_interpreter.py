"""Programs give golden's numbers in every bit, for any lengths, and their lags are enough."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from golden.networks.decoding import Growing, greedy
from golden.networks.instances import sample
from golden.networks.run import call_integer, quantize_inputs, run_integer
from hw.accelerator.machine import MACHINES, Machine
from hw.program import Program, compile_network
from hw.program.compiler.plan import CompilerPlan
from hw.program.instructions import Instruction
from sim.accelerator.interpreter import Interpreter, run_interpreted
from sim.accelerator.networks import Loaded, load
from sim.accelerator.random_networks import random_case

MULCIM = MACHINES["mulcim"]

WHOLE = [
    *(("mulcim", name) for name in ("sentence encoder", "vit, bias token", "visual_bert")),
    *(("mulcim", name) for name in ("vilbert", "stacked_attention", "convolutional", "att_rnn")),
    ("small", "sentence encoder"),
    ("tiny", "sentence encoder"),
]
LOOPS = ["translator, bias token", "words, gru additive", "words, lstm additive", "words, rnn dot"]


def inputs_of(loaded: Loaded, length: int) -> dict[str, Any]:
    given = quantize_inputs(loaded.graph, sample(loaded.graph, 5 + length, length))
    if loaded.decoding:
        given.pop(loaded.decoding.growing)
    return given


def require_equal(
    program: Program, loaded: Loaded, given: dict[str, Any], traced: bool = False
) -> None:
    expected = run_integer(loaded.graph, given)
    found = run_interpreted(program, given, traced=traced)
    assert found
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.mark.parametrize(("config", "name"), WHOLE)
def test_every_tensor_equals_golden_at_three_lengths(config: str, name: str) -> None:
    machine = MACHINES[config]
    loaded = load(name, machine)
    program = compile_network(loaded.graph, machine, loaded.maximums, trace=True)
    for length in (9, 20, 1) if program.arguments else (9,):
        require_equal(program, loaded, inputs_of(loaded, length), traced=True)
    usual = compile_network(loaded.graph, machine, loaded.maximums)
    require_equal(usual, loaded, inputs_of(loaded, 9))


@pytest.mark.parametrize("name", LOOPS)
def test_the_machine_chooses_the_tokens_that_golden_chooses(name: str) -> None:
    loaded = load(name, MULCIM)
    assert loaded.decoding is not None
    decoding = loaded.decoding
    program = compile_network(loaded.graph, MULCIM, loaded.maximums, decoding=decoding)
    for length in (9, 1):
        given = inputs_of(loaded, length)
        run = Growing(loaded.graph, given, decoding.growing, call_integer)
        expected = greedy(run, decoding.start, decoding.end, decoding.limit)
        assert run_interpreted(program, given)["tokens"].tolist() == expected


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_equal_golden_with_any_plan(seed: int) -> None:
    machine = list(MACHINES.values())[seed % 3]
    case = random_case(seed, machine, runs=2)
    plan = CompilerPlan(row_cycles=1 + seed % 2 * 7, row_block=(None, 5, 16)[seed // 3 % 3])
    program = compile_network(
        case.loaded.graph, machine, case.loaded.maximums, trace=True, plan=plan
    )
    for given in case.inputs:
        require_equal(program, case.loaded, given, traced=True)


@pytest.fixture(scope="module")
def encoder() -> tuple[Loaded, Program]:
    loaded = load("sentence encoder", MULCIM)
    return loaded, compile_network(loaded.graph, MULCIM, loaded.maximums)


def with_instruction(program: Program, index: int, one: Instruction) -> Program:
    image = program.image[: 64 * index] + one.encode() + program.image[64 * (index + 1) :]
    return replace(program, image=image)


def test_every_lag_is_needed_or_follows_from_others(encoder: tuple[Loaded, Program]) -> None:
    """A program whose instruction waits for nothing is told to be too early."""
    loaded, program = encoder
    given = inputs_of(loaded, 20)
    told = 0
    waiting = [index for index, one in enumerate(program.instructions) if one.lags]
    for index in waiting[::3]:
        free = replace(program.instructions[index], lags={})
        broken = with_instruction(program, index, free)
        interpreter = Interpreter(MULCIM, broken.memory(given))
        interpreter.run(broken.registers(given))
        told += bool(interpreter.hazards)
    assert told > len(waiting) // 6


def test_what_goes_wrong_names_the_instruction(encoder: tuple[Loaded, Program]) -> None:
    loaded, program = encoder
    given = inputs_of(loaded, 9)
    index = next(i for i, one in enumerate(program.instructions) if one.name == "cores")
    one = program.instructions[index]
    wrong = replace(one, values={**one.values, "first_set": one["first_set"] ^ 1})
    with pytest.raises(ValueError, match=f"instruction {index}, cores: core 0 waits for set"):
        run_interpreted(with_instruction(program, index, wrong), given)
    given["token_ids"] = np.full(3, 15)
    with pytest.raises(ValueError, match="load: an id of 15 is not below 15 rows"):
        run_interpreted(program, given)


def test_inputs_that_do_not_fit(encoder: tuple[Loaded, Program]) -> None:
    _, program = encoder
    with pytest.raises(ValueError, match="'tokens' is 21, but the program was compiled for at"):
        run_interpreted(program, {"token_ids": np.zeros(21, int)})
    with pytest.raises(ValueError, match="needs the input 'token_ids'"):
        run_interpreted(program, {})


def test_what_does_not_fit_is_told_before_it_runs() -> None:
    def refused(told: str, machine: Machine, name: str = "sentence encoder", **more: int) -> None:
        loaded = load(name, replace(MULCIM, key_block=machine.key_block))
        with pytest.raises(ValueError, match=told):
            compile_network(loaded.graph, machine, {**loaded.maximums, **more})

    refused("needs .* words of the buffer", replace(MULCIM, buffer_words=256))
    refused("has heads of 16, but the engine's are 8", replace(MACHINES["tiny"], head_size=8))
    refused("20 positions, fewer than the 21 rows", MULCIM, tokens=21)
    refused("the vector unit rescales rows of 16", replace(MULCIM, width=16))
    loaded = load("sentence encoder", MULCIM)
    *others, last = loaded.graph.operators
    unknown = replace(loaded.graph, operators=(*others, replace(last, kind="sort")))
    with pytest.raises(ValueError, match="of kind 'sort' is none that the machine runs"):
        compile_network(unknown, MULCIM, loaded.maximums)
    with pytest.raises(ValueError, match="the length 'tokens' needs a maximum"):
        compile_network(loaded.graph, MULCIM)
    with pytest.raises(ValueError, match="quantise the network with key_block=16"):
        compile_network(loaded.graph, MACHINES["small"], loaded.maximums)
