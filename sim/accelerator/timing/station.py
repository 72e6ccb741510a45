"""A unit's queue of instructions: given away in order, taken when what they name is complete."""

from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hw.accelerator.unit_queue import QUEUE_DEPTH
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
    """

    def __init__(
        self,
        clock: Clock,
        name: str,
        stations: "dict[str, Station]",
        events: list[Event],
        completions: Notice,
    ) -> None:
        self.clock, self.name = clock, name
        self.given = self.completed = 0
        self._stations, self._events, self._completions = stations, events, completions
        self._waiting: deque[Given] = deque()
        self._came, self._left = clock.notice(), clock.notice()

    def put(self, given: Given) -> Process:
        """Give an instruction away when there is room for it."""
        while len(self._waiting) >= QUEUE_DEPTH:
            yield self._left
        self.given += 1
        self._waiting.append(given)
        self._came.tell()

    def take(self) -> Taking:
        """The next instruction, as soon as what it waits for is complete."""
        while not self._waiting:
            yield self._came
        # What was put there is seen two cycles later.
        yield 2.0
        given = self._waiting[0]
        while any(self._stations[unit].completed < count for unit, count in given.targets.items()):
            yield self._completions
        self._waiting.popleft()
        self._left.tell()
        given.begin = self.clock.now
        return given

    def complete(self, given: Given, moved: float, end: float | None = None) -> None:
        """``given`` is complete at ``end`` or now; others see it a cycle later."""
        end = self.clock.now if end is None else end
        self._events.append(Event(self.name, given.place, given.begin, end, moved))
        self.clock.start(self._count(), self.clock.until(end) + 1)

    def _count(self) -> Process:
        self.completed += 1
        self._completions.tell()
        yield 0.0
