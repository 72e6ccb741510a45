"""Programs through both buses of the machine in Verilator: results, faults, resets, recovery."""

import numpy as np
import pytest
from mover import Mover

from hw.accelerator import registers
from hw.accelerator.faults import Fault
from hw.accelerator.layout import UNITS
from hw.program.text import assemble
from sim.accelerator.machine_bench import Job, build

WORD, BUS = 16, 8
MEMORY = 1 << 14
SOURCE, TARGET = 0x1000, 0x2000
ROWS = 40
COPY = """
    load count0=r1-0:100 address=0x1000 pitch=32 words=2 buffer=0 stride=2
    store count0=r1-0:100 lags=load:0 address=0x2000 pitch=48 words=2 buffer=0 stride=2
    end
"""
PORT = len(UNITS)
LOAD, STORE = UNITS.index("load"), UNITS.index("store")


@pytest.fixture(scope="module")
def simulator():
    return build(Mover(word_bytes=WORD, bus_bytes=BUS))


def binary(text):
    return np.frombuffer(b"".join(one.encode() for one in assemble(text)), np.uint8)


def copy(rng, rows=ROWS, **options):
    """A job that copies ``rows`` rows, and what it must leave in memory."""
    data = rng.integers(0, 256, (rows, 32), np.uint8)
    before = rng.integers(0, 256, (ROWS, 48), np.uint8)
    job = Job(
        image={0: binary(COPY), SOURCE: data, TARGET: before},
        results={"copy": (TARGET, ROWS * 48)},
        arguments=(rows,),
        **({"limit": 20_000, "watchdog": 2_000} | options),
    )
    before[:rows, :32] = data
    return job, before.reshape(-1)


def require_copy(outcome, expected):
    assert outcome.done and outcome.interrupted and outcome.fault == Fault.NONE
    np.testing.assert_array_equal(outcome.results["copy"], expected)


@pytest.mark.parametrize("base", [0, 0x4000_0000])
def test_one_program_copies_any_number_of_rows(simulator, base):
    rng = np.random.default_rng(7)
    drawn = [
        copy(rng, rows, latency=latency, pace=pace, stall=stall, seed=rows)
        for rows in (0, 1, 7, ROWS)
        for latency, pace, stall in ((40, 1, 0), (3, 4, 0), (17, 1, 0.5))
    ]
    outcomes = simulator.run([job for job, _ in drawn], MEMORY, base=base)
    for outcome, (_, expected) in zip(outcomes, drawn, strict=True):
        require_copy(outcome, expected)


def test_counters_and_samples(simulator):
    job, _ = copy(np.random.default_rng(1), sample=50)
    (outcome,) = simulator.run([job], MEMORY)
    beats = ROWS * 32 // BUS
    assert outcome.counters["written_beats"] % beats == 0
    assert outcome.counters["read_beats"] > outcome.counters["written_beats"]
    assert 0 < outcome.counters["load_busy"] < outcome.cycles
    assert outcome.counters["store_memory_stalled"] > 0
    assert outcome.samples.shape[1] == 1 + len(UNITS) * len(registers.COUNTERS)
    assert (np.diff(outcome.samples[:, 0]) >= 50).all() and len(outcome.samples) > 1
    names = [f"{unit}_{counter}" for unit in UNITS for counter in registers.COUNTERS]
    last = dict(zip(names, outcome.samples[-1, 1:], strict=True))
    assert all(last[name] <= outcome.counters[name] for name in names)
    assert last["load_busy"] > 0


FAULTY = {
    "opcode 0": ("nothing", (Fault.OPCODE, 0)),
    "load outside memory": ("load address=0x10000 words=1", (Fault.MEMORY, PORT)),
    "store outside memory": ("store address=0x3ff0 words=2", (Fault.MEMORY, PORT)),
    "address within a word": ("load address=8 words=1", (Fault.MEMORY, PORT)),
    "load outside the buffer": ("load words=1 buffer=256", (Fault.BUFFER, LOAD)),
    "store outside the buffer": ("store words=2 buffer=255", (Fault.BUFFER, STORE)),
    "id outside its table": (
        "load address=0x1000 words=1\nload gather=1 lags=load:0 words=1 table_rows=1",
        (Fault.IDENTIFIER, LOAD),
    ),
    "a program behind memory": ("branch condition=0 target=0x3fc0", (Fault.OPCODE, 0)),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_program_ends_and_the_next_one_runs(simulator, name):
    text, (fault, unit) = FAULTY[name]
    rng = np.random.default_rng(3)
    program = np.zeros(64, np.uint8) if text == "nothing" else binary(text + "\nend")
    ones = np.full(16, 255, np.uint8)
    faulty = Job(image={0: program, SOURCE: ones, 0x3FC0: np.zeros(64, np.uint8)}, limit=5_000)
    good, expected = copy(rng)
    first, second = simulator.run([faulty, good], MEMORY)
    assert (first.state, first.fault, first.unit) == (registers.FAULT, fault, unit)
    assert first.interrupted and first.waited < 500
    require_copy(second, expected)


@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_errors_of_memory_end_a_program_and_the_next_one_runs(simulator, stall):
    rng = np.random.default_rng(4)
    jobs, expected = [], []
    for one in range(0, 24, 3):
        for kind in ("read_error", "write_error"):
            failing, _ = copy(rng, stall=stall, seed=one, **{kind: one})
            good, copied = copy(rng, stall=stall, seed=one + 1)
            jobs += [failing, good]
            expected += [None, copied]
    for index, outcome in enumerate(simulator.run(jobs, MEMORY)):
        job = jobs[index]
        if expected[index] is not None:
            require_copy(outcome, expected[index])
        elif job.read_error is not None:
            assert (outcome.fault, outcome.unit) == (Fault.READ, PORT)
        elif outcome.state == registers.FAULT:
            assert (outcome.fault, outcome.unit) == (Fault.WRITE, PORT)
        else:
            assert outcome.done


def test_a_memory_that_stops_answering_ends_by_the_watchdog(simulator):
    rng = np.random.default_rng(5)
    jobs, expected = [], []
    for answers in (0, 1, 9, 40):
        failing, _ = copy(rng, silent=answers, watchdog=300)
        good, copied = copy(rng, reset=True)
        jobs += [failing, good]
        expected.append(copied)
    outcomes = simulator.run(jobs, MEMORY)
    for failed, outcome, copied in zip(outcomes[::2], outcomes[1::2], expected, strict=True):
        assert (failed.fault, failed.unit) == (Fault.WATCHDOG, 0)
        assert failed.interrupted and failed.waited < 1_000
        require_copy(outcome, copied)


def test_a_memory_that_answers_late_after_the_watchdog_is_waited_for(simulator):
    rng = np.random.default_rng(6)
    late, _ = copy(rng, latency=2_000, watchdog=100)
    good, expected = copy(rng)
    failed, outcome = simulator.run([late, good], MEMORY)
    assert failed.fault == Fault.WATCHDOG and failed.waited < 200
    require_copy(outcome, expected)


@pytest.mark.parametrize("soft", [False, True])
def test_a_reset_in_the_middle(simulator, soft):
    rng = np.random.default_rng(8)
    jobs, expected = [], []
    for cycles in (1, 30, 60, 90, 120, 200):
        unfinished, _ = copy(rng, limit=cycles)
        good, copied = copy(rng, reset=not soft, abort=soft)
        jobs += [unfinished, good]
        expected.append(copied)
    outcomes = simulator.run(jobs, MEMORY)
    for begun, outcome, copied in zip(outcomes[::2], outcomes[1::2], expected, strict=True):
        assert begun.state == registers.RUNNING and not begun.interrupted
        require_copy(outcome, copied)
