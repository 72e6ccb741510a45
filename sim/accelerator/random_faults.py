"""Random faults on the accelerator's RTL: each ends in a status, and the next program is right.

Kinds: an opcode that is none, an address outside memory, a program that was cut short, errors of
memory, a memory that falls silent, and resets by pin and by register, all at random places.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hw.accelerator import registers
from hw.accelerator.axi import BURST_BEATS
from hw.accelerator.faults import Fault
from hw.program.instructions import BYTES
from hw.program.program import Program
from sim.accelerator.machine_bench import Job, MachineSimulator, Outcome

KINDS = ("opcode", "address", "cut", "read", "write", "silent", "reset", "abort")

CODES = {
    "opcode": {Fault.OPCODE},
    "address": {Fault.MEMORY},
    "cut": {Fault.OPCODE},
    "read": {Fault.READ},
    "write": {Fault.WRITE},
    "silent": {Fault.WATCHDOG},
}
"""Faults that a kind may end in; one that strikes too late, or where a loop skips it, in none."""

WATCHDOG = 3_000
ANSWER = 2_000
"""Cycles beyond the good program's and the watchdog's within which every program has ended."""

_MOVING = {"load", "store", "weights"}
_ADDRESS_SLOT = 5


@dataclass(frozen=True, kw_only=True)
class Struck:
    """What a fault did: its kind, how the program ended, and why that is wrong, if it is."""

    kind: str
    fault: Fault
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
        Struck(kind=kind, fault=ended.fault, wrong=_wrong(kind, ended, after, expected))
        for kind, ended, after in zip(drawn, outcomes[::2], outcomes[1::2], strict=True)
    ]


def summary(struck: Sequence[Struck]) -> dict[str, int]:
    """How many programs of each kind ended in each fault."""
    counts = Counter(f"{one.kind}: {one.fault.name.lower()}" for one in struck)
    return dict(sorted(counts.items()))


def _faulty(
    kind: str, good: Job, program: Program, first: Outcome, rng: np.random.Generator
) -> Job:
    """The job ``good`` with one thing wrong."""
    moment = int(rng.integers(1, first.cycles))
    beats = first.counters["read_beats"], first.counters["written_beats"]
    limit = 4 * first.cycles + WATCHDOG + ANSWER
    job = replace(good, limit=limit)
    if kind == "read":
        return replace(job, read_error=int(rng.integers(beats[0])))
    if kind == "write":
        return replace(job, write_error=int(rng.integers(beats[1] // BURST_BEATS + 1)))
    if kind == "silent":
        return replace(job, silent=int(rng.integers(sum(beats))))
    if kind in {"reset", "abort"}:
        return replace(job, limit=moment)
    memory = good.image[0].copy()
    names = [one.unit for one in program.instructions]
    place = int(rng.integers(len(names)))
    if kind == "opcode":
        memory[place * BYTES] = 0x70 | int(rng.integers(16))
    elif kind == "cut":
        memory[place * BYTES : len(names) * BYTES] = 0
    else:
        moved = [index for index, unit in enumerate(names) if unit in _MOVING]
        place = int(rng.choice(moved)) * BYTES + 4 * _ADDRESS_SLOT
        memory[place : place + 4] = np.frombuffer(
            (len(memory) + 4096 * int(rng.integers(1000))).to_bytes(4, "little"), np.uint8
        )
    return replace(job, image={0: memory})


def _wrong(kind: str, ended: Outcome, after: Outcome, expected: np.ndarray) -> str | None:
    """Why an outcome is not what it must be."""
    if kind in CODES:
        if not ended.interrupted:
            return f"no interrupt after {ended.waited} cycles"
        if ended.state == registers.FAULT and ended.fault not in CODES[kind]:
            return f"the fault {ended.fault.name}"
    if not after.done:
        return f"the next program ended with {after.fault.name}"
    if not np.array_equal(after.results["memory"], expected):
        return "the next program left something else in memory"
    return None
