"""Tensors that do not fit into the buffer: in memory for a while, results as ever."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from golden.networks.instances import BERT, sample
from golden.networks.published import BERT as BERT_BASE
from golden.networks.transformer import EncoderShape, sentence_encoder
from golden.networks.weights import random_weights
from golden.quantize import quantize_network
from hw.accelerator.machine import MACHINES, Machine
from hw.accelerator.plan import PLANS
from hw.program import Program, compile_network
from hw.program.instructions import BYTES, FREE
from sim.accelerator.inputs import integer_inputs
from sim.accelerator.interpreter import run_interpreted
from sim.accelerator.networks import Loaded, load, settings
from sim.accelerator.random_networks import random_case
from sim.accelerator.run import golden_tensors, run_rtl, simulator
from sim.accelerator.timeline import Timeline

TINY = PLANS["tiny"]
CROWDED = {
    "sentence encoder": 448,
    "clip text": 358,
    "vilbert": 701,
    "visual_bert": 448,
}
"""Words of a buffer that each can do with, of 8,192 that the machine has."""


def crowded(loaded: Loaded, words: int) -> Program:
    """A program that does with so many words of the buffer."""
    machine = replace(TINY.machine, buffer_words=words)
    program = compile_network(loaded.graph, machine, loaded.maximums, decoding=loaded.decoding)
    assert program.buffer_words <= words
    return program


def moves(program: Program, kind: str) -> int:
    """Instructions that only make room."""
    return sum(one.endswith(f"({kind})") for one in program.remarks)


def require_equal(loaded: Loaded, given: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
    """Raise unless golden says the same."""
    golden = golden_tensors(loaded, given)
    for name, value in outputs.items():
        np.testing.assert_array_equal(value, golden[name])


@pytest.mark.parametrize("name", CROWDED)
def test_a_program_for_a_small_buffer_gives_the_same(name: str) -> None:
    """Also where units run side by side: the interpreter holds its lags against what it touches."""
    loaded = load(name, TINY.machine)
    program = crowded(loaded, CROWDED[name])
    assert moves(program, "load") >= moves(program, "store") > 0
    for length in (20, 9, 1):
        given = integer_inputs(loaded, sample(loaded.graph, length, length))
        require_equal(loaded, given, run_interpreted(program, given))


@pytest.mark.parametrize("seed", [17, 88])
def test_random_networks_in_ever_less_room(seed: int) -> None:
    """Until the compiler says that there is not enough."""
    case = random_case(seed, TINY.machine)
    words, tried = TINY.machine.buffer_words, 0
    with pytest.raises(ValueError, match=r"needs \d+ words of the buffer"):
        while True:
            program = crowded(case.loaded, words)
            (given,) = case.inputs
            require_equal(case.loaded, given, run_interpreted(program, given))
            tried, words = tried + 1, min(program.buffer_words, words * 4 // 5) - 1
    assert tried > 3


def test_what_fits_is_not_moved() -> None:
    """And no result lies where an operand was, so that programs are what they were."""
    loaded = load("sentence encoder", TINY.machine)
    program = crowded(loaded, TINY.machine.buffer_words)
    assert moves(program, "load") == moves(program, "store") == 0


def test_a_load_that_does_not_wait_for_its_store_is_told() -> None:
    loaded = load("clip text", TINY.machine)
    program = crowded(loaded, CROWDED["clip text"])
    image = bytearray(program.image)
    at = next(i for i, one in enumerate(program.remarks) if one.endswith("(load)"))
    load_back = program.instructions[at]
    assert load_back.lags["store"] < FREE
    hasty = replace(load_back, lags={**load_back.lags, "store": FREE})
    image[BYTES * at : BYTES * (at + 1)] = hasty.encode()
    given = integer_inputs(loaded, sample(loaded.graph, 20, 20))
    with pytest.raises(ValueError, match=r"may start too early: .* of store"):
        run_interpreted(replace(program, image=bytes(image)), given)


@pytest.mark.parametrize(("attention", "words"), [("engine", 448), ("cores", 877)])
def test_the_machine_waits_for_its_own_stores(attention: str, words: int) -> None:
    """On RTL, memory being slow and pausing, and lengths other than the longest."""
    loaded = load("visual_bert", TINY.machine, attention=attention)
    program = crowded(loaded, words)
    assert moves(program, "store") > 1
    inputs = [integer_inputs(loaded, sample(loaded.graph, n, n)) for n in (20, 9)]
    machine = simulator(TINY)
    for timing in ({"latency": 90, "stall": 0.3, "seed": 5}, {"latency": 2}):
        runs = run_rtl(machine, program, inputs, **timing)
        for given, run in zip(inputs, runs, strict=True):
            require_equal(loaded, given, run.outputs)


def encoder(shape: EncoderShape, machine: Machine, tokens: int) -> Loaded:
    """An encoder of that shape for so many tokens, whose weights nobody trained."""
    real = sentence_encoder("long", replace(shape, positions=tokens), random_weights(3))
    graph = quantize_network(real, [sample(real, 1, 9)], settings(machine))
    return Loaded(graph=graph, maximums={"tokens": tokens})


def test_a_layer_of_bert_base_of_512_tokens_fits_the_published_machine() -> None:
    """Codes lie where their rows were, what the residual adds is away, and all is found again."""
    machine = MACHINES["mulcim"]
    loaded = encoder(replace(BERT_BASE, layers=1, vocabulary=16), machine, 512)
    program = compile_network(loaded.graph, machine, loaded.maximums)
    assert moves(program, "store") > 0
    given = integer_inputs(loaded, sample(loaded.graph, 1, 512))
    require_equal(loaded, given, run_interpreted(program, given))
    cycles = Timeline(program, [512], PLANS["mulcim"]).cycles
    assert 0.8e6 < cycles < 1.2e6


def test_what_does_not_fit_even_so_is_one_sentence() -> None:
    loaded = encoder(BERT, TINY.machine, 20)
    with pytest.raises(ValueError, match=r"needs \d+ words of the buffer, but \d+ of 128 are in"):
        crowded(loaded, 128)
