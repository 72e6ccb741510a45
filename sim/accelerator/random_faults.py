"""Random faults on the accelerator's RTL: each ends in a status, and the next program is right.

Kinds: an opcode that is none, an address outside memory or the buffer, a program that was cut
short, errors of memory, a memory that falls silent for ever or for a while, and resets by pin and
by register, all at random places, each on a memory of random latency and pauses.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hw.accelerator import registers
from hw.accelerator.axi import BURST_BEATS
from hw.accelerator.faults import Fault
from hw.accelerator.fetch import AHEAD
from hw.program.instructions import BYTES
from hw.program.program import Program
from sim.accelerator.machine_bench import Job, MachineSimulator, Outcome

KINDS = ("opcode", "address", "buffer", "cut", "read", "write", "silent", "late", "reset", "abort")

CODES = {
    "opcode": Fault.OPCODE,
    "address": Fault.MEMORY,
    "buffer": Fault.BUFFER,
    "cut": Fault.OPCODE,
    "read": Fault.READ,
    "write": Fault.WRITE,
    "silent": Fault.WATCHDOG,
    "late": Fault.WATCHDOG,
    "abort": Fault.STOPPED,
}
"""The fault that a kind ends in; resets by the pin have none."""

SKIPPED = {"opcode", "address", "buffer", "reset", "abort"}
"""Kinds that may miss: where a branch skips the instruction, or behind the program's end."""

WATCHDOG = 3_000
ANSWER = 2_000
"""Cycles beyond the watchdog's, and four times the good program's, in which each has ended."""

RESET, MISSED = "reset", "missed"

_LEGAL = {*range(0x01, 0x08), 0x10, 0x20, 0x30, 0x31, 0x40, *range(0x50, 0x54), 0x60}
_OPCODES = tuple(opcode for opcode in range(256) if opcode not in _LEGAL)
_PLACES = {
    "address": {"load": 5, "store": 5, "weights": 5},
    "buffer": {"load": 8, "store": 8, "activations": 5},
}
"""Slots of addresses in memory and in the buffer, by the instruction."""
_TOP = 0xFFFF_F000


@dataclass(frozen=True, kw_only=True)
class Struck:
    """What a fault did.

    ended
        The fault's name, ``RESET`` by the pin, or ``MISSED``: the program came to its end.
    cycles, limit
        From the start to the interrupt, or to the reset; what they must stay below.
    wrong
        Why that is not what must be, if it is not.
    """

    kind: str
    ended: str
    cycles: int
    limit: int
    wrong: str | None


def strike(
    machine: MachineSimulator,
    program: Program,
    inputs: Mapping[str, Any],
    count: int,
    seed: int,
    kinds: Sequence[str] = KINDS,
) -> list[Struck]:
    """Run ``count`` faulty programs, each followed by ``program``, whose memory must be right."""
    rng = np.random.default_rng(seed)
    memory = np.frombuffer(bytes(program.memory(inputs)), np.uint8)
    good = Job(
        image={0: memory},
        results={"memory": (0, len(memory))},
        arguments=program.registers(inputs),
        watchdog=WATCHDOG,
    )
    (first,) = machine.run([good], len(memory))
    if not first.done:
        raise ValueError(f"program {program.name!r} does not run: it ends with {first.fault.name}")
    drawn = [str(rng.choice(kinds)) for _ in range(count)]
    jobs = []
    for kind in drawn:
        faulty = replace(
            _faulty(kind, good, program, first, rng),
            results={},
            latency=int(rng.integers(1, 60)),
            stall=float(rng.choice([0, 0.3])),
            seed=int(rng.integers(1 << 30)),
        )
        jobs += [faulty, replace(good, reset=kind in {"reset", "silent"}, abort=True)]
    outcomes = machine.run(jobs, len(memory))
    expected = first.results["memory"]
    return [
        _judged(kind, job, ended, after, expected)
        for kind, job, ended, after in zip(
            drawn, jobs[::2], outcomes[::2], outcomes[1::2], strict=True
        )
    ]


def summary(struck: Sequence[Struck]) -> dict[str, dict[str, Any]]:
    """Of each kind: how many ended how, and the most cycles that it took one that struck."""
    found = {}
    for kind in KINDS:
        mine = [one for one in struck if one.kind == kind]
        hits = [one.cycles for one in mine if one.ended != MISSED]
        found[kind] = {
            "ended": dict(sorted(Counter(one.ended for one in mine).items())),
            "largest_cycles": max(hits, default=0),
        }
    return found


def longest(cycles: int) -> int:
    """Cycles in which a faulty program has ended whose good form takes ``cycles``."""
    return 4 * cycles + WATCHDOG + ANSWER


def _faulty(
    kind: str, good: Job, program: Program, first: Outcome, rng: np.random.Generator
) -> Job:
    """The job ``good`` with one thing wrong."""
    job = replace(good, limit=longest(first.cycles))
    # What the last instructions' fetch reads ahead may come when the program has ended.
    ahead = AHEAD * BYTES // program.machine.bus_bytes
    reads = max(1, first.counters["read_beats"] - ahead)
    bursts = -(-first.counters["written_beats"] // BURST_BEATS)
    if kind == "read":
        return replace(job, read_error=int(rng.integers(reads)))
    if kind == "write":
        return replace(job, write_error=int(rng.integers(bursts)))
    if kind in {"silent", "late"}:
        return replace(job, silent=int(rng.integers(reads + bursts)))
    if kind == "reset":
        return replace(job, limit=int(rng.integers(1, first.cycles)))
    if kind == "abort":
        return replace(job, stopped=int(rng.integers(1, first.cycles)))
    memory = good.image[0].copy()
    units = [one.unit for one in program.instructions]
    place = int(rng.integers(len(units)))
    if kind == "opcode":
        memory[place * BYTES] = rng.choice(_OPCODES)
    elif kind == "cut":
        memory[place * BYTES : len(units) * BYTES] = 0
    else:
        values = dict(enumerate(good.arguments, 1))
        slots = _PLACES[kind]
        moved = [
            index
            for index, one in enumerate(program.instructions)
            if one.name in slots and all(count.value(values) for count in one.counts)
        ]
        place = int(rng.choice(moved))
        place = place * BYTES + 4 * slots[program.instructions[place].name]
        old = int.from_bytes(memory[place : place + 4].tobytes(), "little")
        outside = len(memory) + 4096 * int(rng.integers(1000))
        wrong: tuple[int, ...] = (outside, _TOP, old + int(rng.integers(1, 16)))
        if kind == "buffer":
            wrong = (program.machine.buffer_words + int(rng.integers(1000)), _TOP)
        address = wrong[int(rng.integers(len(wrong)))]
        memory[place : place + 4] = np.frombuffer(address.to_bytes(4, "little"), np.uint8)
    return replace(job, image={0: memory})


def _judged(kind: str, job: Job, ended: Outcome, after: Outcome, expected: np.ndarray) -> Struck:
    """How it ended, and what is wrong with that and with the next program."""
    wrong = None
    name = MISSED if ended.done else ended.fault.name.lower()
    if kind not in CODES and ended.state == registers.RUNNING:
        name = RESET
    elif not ended.interrupted:
        wrong = f"no interrupt after {ended.waited} cycles"
    elif ended.state == registers.FAULT and ended.fault != CODES.get(kind):
        wrong = f"the fault {ended.fault.name}"
    elif ended.done and kind not in SKIPPED:
        wrong = "the program ended as if nothing had happened"
    if wrong is None and not after.done:
        wrong = f"the next program ended with {after.fault.name}"
    elif wrong is None and not np.array_equal(after.results["memory"], expected):
        wrong = "the next program left something else in memory"
    return Struck(kind=kind, ended=name, cycles=ended.cycles, limit=job.limit, wrong=wrong)
