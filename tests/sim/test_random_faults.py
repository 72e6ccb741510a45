"""Random faults: what is drawn, and that a machine that gets over none of them is told of."""

from dataclasses import replace

import numpy as np
import pytest

from golden.networks.instances import sample
from golden.networks.run import quantize_inputs
from hw.accelerator import registers
from hw.accelerator.faults import Fault
from hw.accelerator.machine import MACHINES
from hw.accelerator.plan import PLANS
from hw.program import compile_network
from hw.program.instructions import BYTES
from sim.accelerator.machine_bench import Outcome
from sim.accelerator.networks import load
from sim.accelerator.random_faults import CODES, KINDS, MISSED, longest, strike, summary
from sim.accelerator.run import simulator

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
    completions=np.zeros((0, 2), np.int64),
    seconds=0.0,
)


class Machine:
    """Ends every second job as its fault must end, or as told; keeps the jobs."""

    def __init__(self, faulty=None, after=None):
        self.faulty = faulty
        self.after = after or {}
        self.jobs = []

    def run(self, jobs, memory_bytes):
        self.jobs = list(jobs)
        memory = np.zeros(memory_bytes, np.uint8)
        good = replace(DONE, results={"memory": memory})
        if len(jobs) == 1:
            return [good]
        told = []
        for job, _ in zip(self.jobs[::2], self.jobs[1::2], strict=True):
            ended = self._ended(job, good) if self.faulty is None else self.faulty
            told += [replace(DONE, **ended), replace(good, **self.after)]
        return told

    def _ended(self, job, good):
        fault = (
            Fault.READ
            if job.read_error is not None
            else Fault.WRITE
            if job.write_error is not None
            else Fault.WATCHDOG
            if job.silent is not None
            else Fault.STOPPED
            if job.stopped is not None
            else Fault.OPCODE
        )
        if job.limit < longest(good.cycles):
            return {"state": registers.RUNNING, "interrupted": False}
        return {"state": registers.FAULT, "fault": fault, "cycles": job.limit}


@pytest.fixture(scope="module")
def encoder():
    machine = MACHINES["tiny"]
    loaded = load("sentence encoder", machine)
    inputs = quantize_inputs(loaded.graph, sample(loaded.graph, 1, 9))
    return compile_network(loaded.graph, machine, loaded.maximums), inputs


def test_every_kind_is_drawn_and_the_next_program_is_whole(encoder):
    machine = Machine()
    kinds = tuple(kind for kind in KINDS if kind not in {"address", "buffer"})
    struck = strike(machine, *encoder, 200, 1, kinds)
    assert {one.kind for one in struck} == set(kinds)
    assert [one.wrong for one in struck] == [None] * 200
    told = summary(struck)
    assert set(told) == set(KINDS)
    assert sum(sum(one["ended"].values()) for one in told.values()) == 200
    for kind in kinds:
        ended = CODES[kind].name.lower() if kind in CODES else "reset"
        assert list(told[kind]["ended"]) == [ended]
        assert told[kind]["largest_cycles"] == (longest(1000) if kind in CODES else 1000)
    image = np.frombuffer(bytes(encoder[0].memory(encoder[1])), np.uint8)
    for one, faulty, after in zip(struck, machine.jobs[::2], machine.jobs[1::2], strict=True):
        np.testing.assert_array_equal(after.image[0], image)
        assert (one.kind in {"opcode", "cut"}) == (faulty.image[0] != image).any()
        assert after.read_error is after.write_error is after.silent is None
        assert after.reset == (one.kind in {"silent", "reset"})
        if one.kind == "read":
            assert 0 <= faulty.read_error < DONE.counters["read_beats"]


def test_addresses_are_outside_memory_or_within_a_word(encoder):
    """One field of one instruction that moves something is another; nothing else is."""
    machine = Machine({"state": registers.FAULT, "fault": Fault.MEMORY})
    struck = strike(machine, *encoder, 60, 1, kinds=("address",))
    assert not any(one.wrong for one in struck)
    image = np.frombuffer(bytes(encoder[0].memory(encoder[1])), np.uint8)
    seen = set()
    for job in machine.jobs[::2]:
        (place,) = {at // 4 * 4 for at in np.flatnonzero(job.image[0] != image).tolist()}
        assert place % BYTES == 20
        assert encoder[0].instructions[place // BYTES].unit in {"load", "store", "weights"}
        address = int.from_bytes(job.image[0][place : place + 4].tobytes(), "little")
        seen.add("within" if address % 16 else "outside")
        assert address % 16 or address >= len(image)
    assert seen == {"within", "outside"}


@pytest.mark.timeout(600)
def test_addresses_behind_the_buffer_are_faults_of_whoever_reads_there():
    machine = MACHINES["tiny"]
    loaded = load("sentence encoder", machine, attention="cores")
    inputs = quantize_inputs(loaded.graph, sample(loaded.graph, 1, 9))
    program = compile_network(loaded.graph, machine, loaded.maximums)
    struck = strike(simulator(PLANS["tiny"]), program, inputs, 20, 7, kinds=("buffer",))
    assert [(one.ended, one.wrong) for one in struck] == [("buffer", None)] * 20


SILENT = {"state": registers.FAULT, "fault": Fault.WATCHDOG}
WRONG = {
    "no interrupt": ({"interrupted": False}, {}, "no interrupt"),
    "another fault": ({"state": registers.FAULT, "fault": Fault.FIELD}, {}, "the fault FIELD"),
    "nothing": ({}, {}, "ended as if nothing had happened"),
    "next fails": (SILENT, {"state": registers.FAULT, "fault": Fault.READ}, "ended with READ"),
    "next differs": (SILENT, {"results": {"memory": np.ones(1, np.uint8)}}, "something else"),
}


@pytest.mark.parametrize("faulty, after, said", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told(encoder, faulty, after, said):
    struck = strike(Machine(faulty, after), *encoder, 20, 1, kinds=("silent", "late"))
    assert all(one.wrong and said in one.wrong for one in struck)


@pytest.mark.timeout(600)
def test_on_the_machine(encoder):
    """Some of each kind on the RTL; ``python -m sim faults`` draws a thousand."""
    struck = strike(simulator(PLANS["tiny"]), *encoder, 40, 3)
    assert [one for one in struck if one.wrong] == []
    assert {one.kind for one in struck} == set(KINDS)
    assert sum(one.ended == MISSED for one in struck) <= 4


def test_an_opcode_that_is_skipped_has_missed(encoder):
    struck = strike(Machine({}), *encoder, 5, 1, kinds=("opcode",))
    assert [(one.ended, one.wrong) for one in struck] == [("missed", None)] * 5
    assert summary(struck)["opcode"] == {"ended": {"missed": 5}, "largest_cycles": 0}
