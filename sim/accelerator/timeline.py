"""When each instruction of a program begins and ends: a model of the units, without their data.

The sequencer gives instructions away in order, each unit takes its own from a queue and starts one
when what it waits for is complete. How long it takes follows from its fields and a few numbers.

    load, store   rows * words                    words at the bus's width
    weights       k_tiles * tiles * W / 2         each tile of K when its set is free
    cores         k_tiles * max(rows, rows / groups * row_cycles), each tile of K when it is there
    vector        rows * words, or words of what it loads
    engine        queries * blocks of keys * 2 * beats
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hw.program.fields import CONDITIONS
from hw.program.instructions import BYTES, FREE, UNITS, Count, Instruction
from hw.program.program import Program

ROW_STATISTICS = {3, 4, 6}
"""Scales of the vector unit that read a row before they give its first word."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What the machine's circuits take, in cycles.

    row_cycles
        Of a row of codes in a core, the mean of a feeder whose cycles depend on data.
    dispatch, queue
        To give an instruction away; instructions that wait in a unit's queue.
    latencies
        From the last operand to the last result of each unit, with memory 40 cycles away. With
        these, small programs on the tiny machine were told 1 to 20 % too short.
    """

    row_cycles: float = 1.0
    dispatch: int = 2
    queue: int = 8
    latencies: tuple[tuple[str, int], ...] = (
        ("load", 70),
        ("store", 60),
        ("weights", 60),
        ("cores", 90),
        ("vector", 50),
        ("engine", 120),
    )


class Event(NamedTuple):
    """One instruction of a unit, by its place in the program."""

    unit: str
    place: int
    begin: float
    end: float
    busy: float


class Timeline:
    """Walks through a program as the sequencer does; a word that it reads is taken for 0."""

    def __init__(self, program: Program, registers: Sequence[int], costs: Costs) -> None:
        self.machine, self.costs = program.machine, costs
        self.events: list[Event] = []
        self._latency = dict(costs.latencies)
        self._registers = dict(enumerate(registers, 1))
        self._now = 0.0
        self._begins: dict[str, list[float]] = defaultdict(list)
        self._ends: dict[str, list[float]] = defaultdict(list)
        self._free: dict[str, float] = defaultdict(float)
        self._tiles: list[float] = []  # when the cores were done with each tile of K
        self._asked: list[tuple[float, Instruction]] = []  # weights that no core has used
        at = 0
        while program.instructions[at].name != "end":
            at = self._step(program.instructions[at], at)

    @property
    def cycles(self) -> float:
        """When everything is complete."""
        return max((event.end for event in self.events), default=0.0)

    def busy(self, unit: str) -> float:
        """Cycles in which a unit moves data."""
        return sum(event.busy for event in self.events if event.unit == unit)

    def _step(self, one: Instruction, at: int) -> int:
        # An instruction comes over the bus as everything else does.
        fetch = BYTES / self.machine.bus_bytes if self.costs.dispatch else 0
        self._now += max(self.costs.dispatch, fetch)
        if one.unit == "sequencer":
            return self._sequence(one, at)
        begins = self._begins[one.unit]
        if len(begins) >= self.costs.queue:
            self._now = max(self._now, begins[-self.costs.queue])
        begin = max(self._now, self._waits(one), self._free[one.unit])
        self._run(one, at, begin)
        return at + 1

    def _waits(self, one: Instruction) -> float:
        """When what its lags name is complete."""
        time = 0.0
        for unit in UNITS[1:]:
            last = len(self._ends[unit]) - one.lags.get(unit, FREE)
            if one.lags.get(unit, FREE) != FREE and last > 0:
                time = max(time, self._ends[unit][last - 1])
        return time

    def _sequence(self, one: Instruction, at: int) -> int:
        registers = self._registers
        if one.name == "set":
            registers[one["to"]] = one["value"]
        elif one.name == "add":
            right = 0 if one["alone"] else registers.get(one["right"], 0)
            registers[one["to"]] = registers.get(one["left"], 0) + right + one["value"]
        elif one.name == "read":
            self._now = max(self._now, self._waits(one)) + 4
            registers[one["to"]] = 0
        elif one.name == "sync":
            self._now = max([self._now, *(ends[-1] for ends in self._ends.values() if ends)])
        elif one.name == "modify":
            self._now += one["changes"]
        elif one.name == "branch" and self._taken(one):
            self._now += self._latency["load"]
            return one["target"] // BYTES
        return at + 1

    def _taken(self, one: Instruction) -> bool:
        left = self._registers.get(one["left"], 0)
        right = one["value"] if one["immediate"] else self._registers.get(one["right"], 0)
        names = {code: name for name, code in CONDITIONS.items()}
        return {
            "always": True,
            "equal": left == right,
            "unequal": left != right,
            "less": left < right,
            "least": left >= right,
        }[names[one["condition"]]]

    def _count(self, count: Count) -> int:
        return count.value(self._registers)

    def _run(self, one: Instruction, at: int, begin: float) -> None:
        counts = tuple(map(self._count, one.counts))
        if not counts[0]:
            self._done(one, at, begin, 0, 0)
        elif one.name == "weights":
            # It goes tile by tile with the cores that use it.
            self._asked.append((begin, one))
            self._done(one, at, begin, 0, 0)
        elif one.name == "cores":
            self._multiply(one, at, begin, counts[0])
        else:
            busy, ahead = self._cycles(one, counts)
            self._done(one, at, begin, busy, busy + ahead)

    def _done(self, one: Instruction, at: int, begin: float, busy: float, time: float) -> None:
        latency = self._latency[one.unit] if time else 1
        self._begins[one.unit].append(begin)
        self._ends[one.unit].append(begin + time + latency)
        # The vector unit begins when the one before it is complete.
        self._free[one.unit] = begin + time + (latency if one.unit == "vector" else 0)
        self.events.append(Event(one.unit, at, begin, begin + time + latency, busy))

    def _cycles(self, one: Instruction, counts: tuple[int, ...]) -> tuple[float, float]:
        """Cycles that move data, and cycles before the first result."""
        machine = self.machine
        if one.unit in {"load", "store"}:
            words = counts[0] * one["words"]
            return words * max(machine.word_bytes / machine.bus_bytes, 1), 0
        if one.name == "attend":
            return counts[0] * -(-counts[1] // machine.key_block) * 2 * one["beats"], 0
        if one.name in {"channels", "table"}:
            return 8 * (one["columns"] or one["segments"]) / machine.word_bytes, 0
        words = -(-one["elements"] // machine.lanes)
        rows = counts[0] if one.name == "rows" else counts[0] * counts[1]
        ahead = words * (
            (one["scale"] in ROW_STATISTICS) + bool(one["write_codes"] and not one["static_scale"])
        )
        return rows * words, ahead

    def _multiply(self, one: Instruction, at: int, begin: float, rows: int) -> None:
        """Each tile of K when its weights are there; they come when a set is free."""
        machine = self.machine
        asked, _ = self._asked.pop(0)
        width = max(machine.word_bytes / machine.bus_bytes, 1)
        load = one["tiles"] * machine.word_bytes // 2 * width
        padded = -(-rows >> one["group_bits"])
        row = max(padded << one["group_bits"], padded * self.costs.row_cycles)
        time, there = begin, max(asked, self._free["weights"])
        for _ in range(one["k_tiles"]):
            sets = machine.weight_sets
            there = max(there, self._tiles[-sets] if len(self._tiles) >= sets else 0.0) + load
            time = max(time, there) + row
            self._tiles.append(time)
        self._free["weights"] = there
        weights = one["k_tiles"] * load
        self.events.append(Event("weights", at, there - weights, there, weights))
        self._done(one, at, begin, one["k_tiles"] * row, time - begin)
