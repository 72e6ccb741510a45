"""A unit's queue of instructions: given away in order, taken when what they name is complete."""

from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hw.program.instructions import Instruction
from sim.accelerator.timing.kernel import Clock, Notice, Process


class Event(NamedTuple):
    """One instruction of a unit, by its place in the program."""

    unit: str
    place: int
    begin: float
    end: float
    moved: float
    """Cycles in which it moves data where nothing holds it up."""


@dataclass(kw_only=True)
class Given:
    """An instruction as its unit sees it: counts resolved, and what must be complete before."""

    one: Instruction
    place: int
    counts: tuple[int, int]
    targets: Mapping[str, int]
    begin: float = 0.0


Taking = Generator[float | Notice, None, Given]


class Station:
    """In front of a unit, and behind it: what it was given and what it completed.

    Parameters
    ----------
    completions : told whenever a unit has completed an instruction
    depth : instructions that wait in its queue
    """

    def __init__(
        self,
        clock: Clock,
        name: str,
        stations: "dict[str, Station]",
        events: list[Event],
        completions: Notice,
        depth: int,
    ) -> None:
        self.clock, self.name, self.depth = clock, name, depth
        self.given = self.completed = 0
        self._stations, self._events, self._completions = stations, events, completions
        self._waiting: deque[Given] = deque()
        self._came, self._left, self._freed = (clock.notice() for _ in range(3))
        self._free = False
        clock.start(self._release())

    def put(self, given: Given) -> Process:
        """Give an instruction away when there is room for it."""
        while len(self._waiting) >= self.depth:
            yield self._left
            # A place is free in the cycle after one was left.
            yield 1.0
        self.given += 1
        self._waiting.append(given)
        self._came.tell()

    def take(self) -> Taking:
        """The next instruction, as soon as what it waits for is complete."""
        while not self._free:
            yield self._freed
        self._free = False
        given = self._waiting.popleft()
        self._left.tell()
        given.begin = self.clock.now
        return given

    def _release(self) -> Process:
        """The head of the queue is free a cycle after what it waits for is seen to be complete."""
        while True:
            while not self._waiting:
                yield self._came
            # What was put there is the head from the next cycle on, as is what was behind it.
            yield 1.0
            targets = self._waiting[0].targets.items()
            while any(self._stations[unit].completed < count for unit, count in targets):
                yield self._completions
            yield 1.0
            self._free = True
            self._freed.tell()
            while self._free:
                yield self._left

    def complete(self, given: Given, moved: float, end: float | None = None) -> None:
        """``given`` is complete at ``end`` or now; others see it a cycle later."""
        end = self.clock.now if end is None else end
        self._events.append(Event(self.name, given.place, given.begin, end, moved))
        self.clock.start(self._count(), self.clock.until(end) + 1)

    def _count(self) -> Process:
        self.completed += 1
        self._completions.tell()
        yield 0.0
