"""One machine for every network of golden."""

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


@pytest.mark.parametrize("name", INSTANCES)
def test_a_network_runs_on_the_smallest_machine(name: str) -> None:
    """Every network that ``python -m golden networks`` lists; the smallest has one core."""
    loaded = instance(name, settings(TINY))
    program = compile_network(loaded.graph, TINY, loaded.maximums, decoding=loaded.decoding)
    given = integer_inputs(loaded, sample(loaded.graph, 5, 11))
    golden = golden_tensors(loaded, given)
    found = run_interpreted(program, given)
    assert found
    for output, value in found.items():
        np.testing.assert_array_equal(value, golden[output])


@pytest.mark.parametrize("config", ["small", "mulcim"])
def test_larger_machines_have_a_program_for_each(config: str) -> None:
    machine = MACHINES[config]
    for name in INSTANCES:
        loaded = instance(name, settings(machine))
        assert compile_network(
            loaded.graph, machine, loaded.maximums, decoding=loaded.decoding
        ).instructions
