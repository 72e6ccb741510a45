"""Attention on the cores: programs, the RTL, masks, what is refused, and lags of their weights."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.decoding import Growing, greedy
from golden.networks.instances import sample
from golden.networks.layers import Layers
from golden.networks.run import call_integer, quantize_inputs, run_integer
from golden.networks.weights import random_weights
from golden.operator_spec import AttentionSpec, SoftmaxSpec
from golden.quantize import quantize_network
from hw.accelerator.machine import MACHINES, Machine
from hw.accelerator.plan import PLANS, with_feeder
from hw.program import Program, compile_network
from hw.program.compiler.plan import CompilerPlan
from sim.accelerator.interpreter import Interpreter, run_interpreted
from sim.accelerator.networks import Loaded, load, settings
from sim.accelerator.run import run_rtl, simulator

TINY = MACHINES["tiny"]
LONGEST = 40


def network(machine: Machine, *, causal: bool = False, masked: bool = False) -> Loaded:
    """One attention of two heads of 12 and one of a head of 20, on top of each other."""
    build = GraphBuilder("attention")
    layers = Layers(build, random_weights(3))
    x = build.input("input", ("tokens", 24))
    mask = (build.input("mask", ("tokens",)),) if masked else ()
    for heads, width in ((2, 24), (1, 20)):
        parts = [layers.linear(f"{heads}.{part}", x, width) for part in ("query", "key", "value")]
        x = build.apply(
            *("attention", f"{heads}.attention", *parts, *mask),
            shape=("tokens", width),
            spec={"heads": heads, "causal": causal},
        )
    real = build.finish(x)
    given = [sample(real, seed, 12) for seed in range(3)]
    graph = quantize_network(real, given, settings(machine, "cores"))
    return Loaded(graph=graph, maximums={"tokens": LONGEST})


def inputs_of(graph: Graph, length: int, seed: int = 5) -> dict[str, Any]:
    return quantize_inputs(graph, sample(graph, seed, length))


def require_equal(program: Program, loaded: Loaded, given: dict[str, Any]) -> None:
    expected = run_integer(loaded.graph, given)
    for name, value in run_interpreted(program, given, traced=True).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.mark.parametrize("config", ["tiny", "small", "mulcim"])
@pytest.mark.parametrize(("causal", "masked"), [(False, False), (True, False), (True, True)])
def test_every_tensor_equals_golden(config: str, causal: bool, masked: bool) -> None:
    machine = MACHINES[config]
    loaded = network(machine, causal=causal, masked=masked)
    program = compile_network(loaded.graph, machine, loaded.maximums, trace=True)
    names = [one.name for one in program.instructions]
    assert "activations" in names and "attend" not in names
    for length in (1, 8, 17, LONGEST):
        for seed in (3, 4, 5) if masked else (5,):
            require_equal(program, loaded, inputs_of(loaded.graph, length, seed))


@pytest.mark.parametrize(("plan", "rows"), [({"row_block": 5}, 4), ({"row_cycles": 8}, 128)])
def test_rows_are_cut_where_the_cores_or_the_plan_want_it(plan: dict[str, int], rows: int) -> None:
    machine = replace(MACHINES["small"], core_rows=rows)
    loaded = network(machine, masked=True)
    program = compile_network(
        loaded.graph, machine, loaded.maximums, trace=True, plan=CompilerPlan(**plan)
    )
    require_equal(program, loaded, inputs_of(loaded.graph, 33))


@pytest.mark.parametrize(
    "name", ["sentence encoder", "vilbert", "visual_bert", "vit, linear attention"]
)
def test_networks_equal_golden(name: str) -> None:
    loaded = load(name, TINY, attention="cores")
    program = compile_network(loaded.graph, TINY, loaded.maximums, trace=True)
    for length in (9, 20) if program.arguments else (9,):
        require_equal(program, loaded, inputs_of(loaded.graph, length))


@pytest.mark.parametrize("name", ["translator, bias token", "translator, linear attention"])
def test_a_loop_over_tokens_keeps_the_codes_of_keys(name: str) -> None:
    loaded = load(name, TINY, attention="cores")
    decoding = loaded.decoding
    assert decoding is not None
    program = compile_network(loaded.graph, TINY, loaded.maximums, decoding=decoding)
    for length in (9, 2):
        given = inputs_of(loaded.graph, length)
        given.pop(decoding.growing)
        run = Growing(loaded.graph, given, decoding.growing, call_integer)
        expected = greedy(run, decoding.start, decoding.end, decoding.limit)
        assert run_interpreted(program, given)["tokens"].tolist() == expected


@pytest.mark.parametrize("feeder", ["pairs"])
def test_the_rtl_gives_every_tensor_of_golden(feeder: str) -> None:
    plan = with_feeder(PLANS["tiny"], feeder)
    loaded = network(TINY, causal=True, masked=True)
    program = compile_network(loaded.graph, TINY, loaded.maximums, trace=True)
    given = [inputs_of(loaded.graph, length) for length in (1, 9, 16, LONGEST)]
    for one, found in zip(
        given, run_rtl(simulator(plan), program, given, stall=0.2, seed=2), strict=True
    ):
        expected = run_integer(loaded.graph, one)
        for name, value in found.traced.items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.mark.parametrize(("name", "lag"), [("activations", "vector"), ("", "weights")])
def test_lags_of_weights_from_the_buffer_are_needed(name: str, lag: str) -> None:
    """They wait for the codes, and what writes over the codes waits for them."""
    machine = replace(TINY, buffer_words=1024)
    loaded = load("sentence encoder", machine, attention="cores")
    program = compile_network(loaded.graph, machine, loaded.maximums)
    given = inputs_of(loaded.graph, 20)
    told = 0
    for index, one in enumerate(program.instructions):
        if lag not in one.lags or name not in one.name:
            continue
        free = replace(one, lags={unit: n for unit, n in one.lags.items() if unit != lag})
        image = program.image[: 64 * index] + free.encode() + program.image[64 * (index + 1) :]
        interpreter = Interpreter(machine, replace(program, image=image).memory(given))
        interpreter.run(program.registers(given))
        told += any(f"of {lag}" in hazard for hazard in interpreter.hazards)
        if told > 2:
            return
    raise AssertionError(f"{told} instructions need their lags")


def test_what_the_machine_does_not_compute_is_refused() -> None:
    loaded = network(TINY)
    with pytest.raises(ValueError, match=r"up to 40 keys, but the vector unit's softmax .* of 32"):
        compile_network(loaded.graph, replace(TINY, width=32), loaded.maximums)
    operators = tuple(
        replace(one, spec=replace(one.spec, softmax=SoftmaxSpec(output_bits=9)))
        if isinstance(one.spec, AttentionSpec)
        else one
        for one in loaded.graph.operators
    )
    with pytest.raises(ValueError, match=r"'2.attention' has the spec .* quantise the network"):
        compile_network(replace(loaded.graph, operators=operators), TINY, loaded.maximums)
    operators = tuple(
        replace(one, spec=replace(one.spec, softmax=None)) if one.name == "1.attention" else one
        for one in network(TINY, masked=True).graph.operators
    )
    mixed = replace(network(TINY, masked=True).graph, operators=operators)
    with pytest.raises(ValueError, match="'mask' is read by attention of the engine and of the"):
        compile_network(mixed, TINY, loaded.maximums)
    with pytest.raises(ValueError, match="attention must be one of engine, cores, not 'gpu'"):
        load("sentence encoder", TINY, attention="gpu")
