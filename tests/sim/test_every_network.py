"""One machine for every network of golden: what it runs, and what it does not and why."""

import re

import numpy as np
import pytest

from golden.networks.instances import INSTANCES, sample
from hw.accelerator.machine import MACHINES
from hw.program import compile_network
from sim.accelerator.inputs import integer_inputs
from sim.accelerator.interpreter import run_interpreted
from sim.accelerator.networks import instance, settings
from sim.accelerator.run import golden_tensors

TINY = MACHINES["tiny"]
REFUSED = dict.fromkeys(
    ("translator, linear attention", "vit, linear attention"),
    r"of kind 'linear_attention' is none that the machine runs",
)
"""What the compiler says of networks that it has no program for."""


@pytest.mark.parametrize("name", INSTANCES)
def test_a_network_runs_on_the_smallest_machine_or_is_refused(name: str) -> None:
    """Every network that ``python -m golden networks`` lists; the smallest has one core."""
    loaded = instance(name, settings(TINY))
    try:
        program = compile_network(loaded.graph, TINY, loaded.maximums, decoding=loaded.decoding)
    except ValueError as error:
        assert name in REFUSED, f"{name} is refused: {error}"
        assert re.search(REFUSED[name], str(error))
        return
    assert name not in REFUSED, f"{name} is no longer refused: take it off the list"
    given = integer_inputs(loaded, sample(loaded.graph, 5, 11))
    golden = golden_tensors(loaded, given)
    found = run_interpreted(program, given)
    assert found
    for output, value in found.items():
        np.testing.assert_array_equal(value, golden[output])


@pytest.mark.parametrize("config", ["small", "mulcim"])
def test_larger_machines_refuse_the_same(config: str) -> None:
    machine = MACHINES[config]
    refused = set()
    for name in INSTANCES:
        loaded = instance(name, settings(machine))
        try:
            compile_network(loaded.graph, machine, loaded.maximums, decoding=loaded.decoding)
        except ValueError:
            refused.add(name)
    assert refused == set(REFUSED)
