"""Random faults: what is drawn, and that a machine that gets over none of them is told of."""

from dataclasses import replace

import numpy as np
import pytest

from golden.networks.instances import sample
from golden.networks.run import quantize_inputs
from hw.accelerator import registers
from hw.accelerator.faults import Fault
from hw.accelerator.machine import MACHINES
from hw.program import compile_network
from sim.accelerator.machine_bench import Outcome
from sim.accelerator.networks import load
from sim.accelerator.random_faults import KINDS, strike, summary

DONE = Outcome(
    state=registers.DONE,
    fault=Fault.NONE,
    unit=0,
    interrupted=True,
    cycles=1000,
    waited=1000,
    counters={"read_beats": 100, "written_beats": 50},
    results={},
    samples=np.zeros((0, 1), np.int64),
    seconds=0.0,
)


class Machine:
    """Answers every second job as told; keeps the jobs."""

    def __init__(self, **faulty):
        self.faulty = faulty
        self.after = {}
        self.jobs = []

    def run(self, jobs, memory_bytes):
        self.jobs = list(jobs)
        memory = np.zeros(memory_bytes, np.uint8)
        good = replace(DONE, results={"memory": memory})
        pairs = [(replace(DONE, **self.faulty), replace(good, **self.after))] * (len(jobs) // 2)
        return [good] if len(jobs) == 1 else [one for pair in pairs for one in pair]


@pytest.fixture(scope="module")
def encoder():
    machine = MACHINES["tiny"]
    loaded = load("sentence encoder", machine)
    inputs = quantize_inputs(loaded.graph, sample(loaded.graph, 1, 9))
    return compile_network(loaded.graph, machine, loaded.maximums), inputs


def test_every_kind_is_drawn_and_the_next_program_is_whole(encoder):
    machine = Machine()
    struck = strike(machine, *encoder, 200, 1)
    assert {one.kind for one in struck} == set(KINDS) and not any(one.wrong for one in struck)
    assert sum(summary(struck).values()) == 200
    image = np.frombuffer(bytes(encoder[0].memory(encoder[1])), np.uint8)
    for one, faulty, after in zip(struck, machine.jobs[::2], machine.jobs[1::2], strict=True):
        np.testing.assert_array_equal(after.image[0], image)
        changed = one.kind in {"opcode", "address", "cut"}
        assert changed == (faulty.image[0] != image).any()
        assert after.read_error is after.write_error is after.silent is None


WRONG = {
    "no interrupt": ({"interrupted": False}, {}, "no interrupt"),
    "another fault": ({"state": registers.FAULT, "fault": Fault.FIELD}, {}, "the fault FIELD"),
    "next fails": ({}, {"state": registers.FAULT, "fault": Fault.READ}, "ended with READ"),
    "next differs": ({}, {"results": {"memory": np.ones(1, np.uint8)}}, "something else"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told(encoder, name):
    faulty, after, said = WRONG[name]
    machine = Machine(**faulty)
    machine.after = after
    struck = strike(machine, *encoder, 20, 1, kinds=("read", "opcode", "silent"))
    assert all(one.wrong and said in one.wrong for one in struck)
