"""When each instruction of a program begins and ends: a model of the machine without its data.

The sequencer gives instructions away in order, each unit takes its own from a queue and starts one
when what it waits for is complete; all of them share the memory port (``sim.accelerator.timing``).
What a unit takes follows from its instructions' fields and from the plan that its circuits are
made by. What follows from data is one table: cycles of a row of codes in a core, by feeder.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hw.accelerator.fetch import AHEAD
from hw.accelerator.plan import AcceleratorPlan
from hw.accelerator.register_file import REGISTERS
from hw.accelerator.sequencer import STEPS
from hw.program.fields import CONDITIONS
from hw.program.instructions import BYTES, FREE, UNITS, Instruction
from hw.program.program import Program
from sim.accelerator.timing.cores import CoreTiming
from sim.accelerator.timing.engine import EngineTiming
from sim.accelerator.timing.kernel import Clock, Process
from sim.accelerator.timing.memory import MemoryModel
from sim.accelerator.timing.pace import Paces, paces_of
from sim.accelerator.timing.sets import Sets
from sim.accelerator.timing.station import Event, Given, Station
from sim.accelerator.timing.transfers import LoadTiming, StoreTiming
from sim.accelerator.timing.vector import VectorTiming
from sim.accelerator.timing.weights import WeightTiming

PROMPT = 2
"""Cycles until a ``set`` or a ``modify`` is carried out; all others take ``STEPS``."""

CHANGE = 3
"""Cycles until a slot has been changed, but for one for each slot."""

READ = 3
"""Cycles from a word's request to the register."""

MET = 2
"""Cycles from a completion that is counted until the sequencer goes on."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Cycles from a burst's address to its first beat, and from beat to beat."""

    latency: int = 40
    pace: float = 1.0


class Timeline:
    """Runs a program as the machine does.

    Parameters
    ----------
    registers : what registers 1 to 4 begin with
    plan : of the machine that the program was compiled for
    reads : what the program's reads of the buffer find, in order; 0 behind them
    paces : of rows in a core, if not those of the plan's feeder

    Members
    -------
    events : every instruction of the units, as it completed
    cycles : from the start to the end
    """

    def __init__(
        self,
        program: Program,
        registers: Sequence[int],
        plan: AcceleratorPlan,
        *,
        memory: Memory | None = None,
        reads: Sequence[int] = (),
        paces: Paces | None = None,
    ) -> None:
        if plan.machine != program.machine:
            raise ValueError(f"program {program.name!r} was compiled for another machine")
        memory = Memory() if memory is None else memory
        paces = paces_of(plan) if paces is None else paces
        self.events: list[Event] = []
        self.cycles = 0.0
        self._program, self._clock = program.instructions, Clock()
        clock = self._clock
        self._registers = dict(enumerate(registers, 1))
        self._reads = list(reads)
        self.memory = MemoryModel(clock, plan.machine, plan.latency, memory.latency, memory.pace)
        self._completions = clock.notice()
        self._stations: dict[str, Station] = {}
        for name in UNITS[1:]:
            self._stations[name] = Station(
                clock, name, self._stations, self.events, self._completions, plan.queue_depth
            )
        machine = plan.machine
        weights, channels = (Sets(clock, machine.cores, machine.weight_sets) for _ in range(2))
        stations = self._stations
        LoadTiming(clock, stations["load"], self.memory)
        StoreTiming(clock, stations["store"], self.memory)
        WeightTiming(clock, stations["weights"], self.memory, plan, weights, channels)
        CoreTiming(clock, stations["cores"], plan, paces, program.remarks, weights, channels)
        VectorTiming(clock, stations["vector"], plan)
        EngineTiming(clock, stations["engine"], plan)
        self._parts = BYTES // machine.word_bytes
        self._held, self._coming, self._next, self._jumps = False, 0, 0, 0
        self._asked: list[int] = []  # jumps before each instruction that is on its way
        self._fetched = clock.notice()
        clock.start(self._fetch())
        clock.start(self._bring())
        clock.start(self._sequence())
        clock.run()
        if not self.cycles:
            raise RuntimeError(
                f"the model of {program.name!r} stands still: {clock.now:.0f} cycles"
            )

    def busy(self, unit: str) -> float:
        """Cycles in which a unit has an instruction, as its counter counts them."""
        total = reached = 0.0
        for begin, end in sorted((one.begin, one.end) for one in self.events if one.unit == unit):
            total += max(end - max(begin, reached), 0.0)
            reached = max(reached, end)
        return total

    def moved(self, unit: str) -> float:
        """Cycles in which a unit would move data if nothing ever held it up."""
        return sum(one.moved for one in self.events if one.unit == unit)

    def _fetch(self) -> Process:
        """Ask for instructions ahead."""
        yield 1.0
        while True:
            while self._coming >= AHEAD or self._next >= len(self._program):
                yield self._fetched
            at, jumps = self._next, self._jumps
            self._next += 1
            self._coming += 1
            self._asked.append(jumps)
            yield from self.memory.ask("fetch", at * BYTES, self._parts)

    def _bring(self) -> Process:
        """Gather the next one of those that were asked for since the last jump, and hold it."""
        reader = self.memory.readers["fetch"]
        while True:
            while self._held:
                yield self._fetched
            first = self._clock.now
            while reader.words < self._parts:
                yield reader.came
            # A word in a cycle, but those that have come meanwhile are there.
            yield self._clock.until(first + self._parts - 1)
            self.memory.take("fetch", self._parts)
            self._coming -= 1
            jumps = self._asked.pop(0)
            self._fetched.tell()
            yield 1.0
            self._held = jumps == self._jumps
            self._fetched.tell()

    def _sequence(self) -> Process:
        at = changes = 0
        yield 1.0 + REGISTERS
        while True:
            while not self._held:
                yield self._fetched
            one = self._program[at]
            yield 1.0
            self._held = False
            self._fetched.tell()
            prompt = one.name in {"set", "modify"}
            yield float((PROMPT if prompt else STEPS) - 1 + changes)
            changes = one["changes"] + CHANGE if one.name == "modify" else 0
            if one.name == "end":
                yield from self._idle()
                self.cycles = self._clock.now
                return
            if one.unit != "sequencer":
                yield from self._give(one, at)
            else:
                yield from self._own(one)
            yield 1.0
            at += 1
            if one.name == "branch" and self._taken(one):
                at = self._next = one["target"] // BYTES
                self._jumps += 1
                self._held = False
                self._fetched.tell()

    def _give(self, one: Instruction, at: int) -> Process:
        counts = [count.value(self._registers) for count in one.counts]
        targets = {
            unit: self._stations[unit].given - lag for unit, lag in one.lags.items() if lag != FREE
        }
        given = Given(one=one, place=at, counts=(counts[0], counts[1]), targets=targets)
        yield from self._stations[one.unit].put(given)

    def _idle(self) -> Process:
        while any(one.completed < one.given for one in self._stations.values()):
            yield self._completions
            if all(one.completed == one.given for one in self._stations.values()):
                yield float(MET - 1)

    def _own(self, one: Instruction) -> Process:
        registers = self._registers
        if one.name == "set":
            registers[one["to"]] = one["value"]
        elif one.name == "add":
            right = 0 if one["alone"] else registers.get(one["right"], 0)
            registers[one["to"]] = registers.get(one["left"], 0) + right + one["value"]
        elif one.name == "read":
            waits = 0.0
            for unit, lag in one.lags.items():
                count = self._stations[unit].given - lag
                while lag != FREE and self._stations[unit].completed < count:
                    yield self._completions
                    waits = float(MET)
            yield waits + READ
            registers[one["to"]] = self._reads.pop(0) if self._reads else 0
        elif one.name == "sync":
            yield from self._idle()

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
