"""Vector search on the machine: rows of the gallery become weights, the best are kept."""

import numpy as np
import pytest

from golden.networks.clip import retrieval
from golden.quantize import quantize_network
from hw.accelerator.machine import MACHINES
from hw.accelerator.plan import PLANS
from hw.program import compile_network
from sim.accelerator.inputs import integer_inputs
from sim.accelerator.interpreter import run_interpreted
from sim.accelerator.networks import Loaded, load, settings
from sim.accelerator.run import first_difference, golden_tensors, run_rtl, simulator

TINY = PLANS["tiny"]
MAXIMUMS = {"queries": 20, "gallery": 150}
LENGTHS = ((20, 150), (3, 7), (1, 5), (7, 65))


def given(loaded: Loaded, queries: int, gallery: int, seed: int) -> dict[str, np.ndarray]:
    """Unit vectors; some of the gallery are twins, whose scores are equal."""
    rng = np.random.default_rng(seed)
    rows = {"queries": rng.normal(size=(queries, 32)), "gallery": rng.normal(size=(gallery, 32))}
    rows["gallery"][gallery // 2 :] = rows["gallery"][: gallery - gallery // 2]
    units = {name: x / np.linalg.norm(x, axis=1, keepdims=True) for name, x in rows.items()}
    return integer_inputs(loaded, units)


@pytest.mark.parametrize("config", MACHINES)
def test_the_best_of_galleries_of_any_size(config: str) -> None:
    machine = MACHINES[config]
    loaded = load("retrieval", machine)
    program = compile_network(loaded.graph, machine, MAXIMUMS, trace=True)
    for seed, (queries, gallery) in enumerate(LENGTHS):
        inputs = given(loaded, queries, gallery, seed)
        golden = golden_tensors(loaded, inputs)
        for traced in (False, True):
            found = run_interpreted(program, inputs, traced)
            assert set(found) == {"scores", "best", "indices"} if traced else found
            for name, value in found.items():
                np.testing.assert_array_equal(value, golden[name])


def test_a_search_on_rtl() -> None:
    loaded = load("retrieval", TINY.machine)
    program = compile_network(loaded.graph, TINY.machine, MAXIMUMS, trace=True)
    inputs = [given(loaded, *sizes, 9) for sizes in LENGTHS]
    runs = run_rtl(simulator(TINY), program, inputs, latency=20, stall=0.2, seed=3)
    for one, run in zip(inputs, runs, strict=True):
        assert first_difference(loaded.graph, run, golden_tensors(loaded, one)) is None


def test_more_results_than_the_unit_keeps_are_one_sentence() -> None:
    graph = quantize_network(
        retrieval("wide", 32, scale=20.0, k=9),
        [{name: np.eye(32)[:12] for name in ("queries", "gallery")}],
        settings(TINY.machine),
    )
    with pytest.raises(ValueError, match="keeps 9 values, but the vector unit 8: lower k"):
        compile_network(graph, TINY.machine, MAXIMUMS)
