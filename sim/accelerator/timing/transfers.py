"""The load and store units: words between memory and buffer."""

from collections import deque

from hw.accelerator.load_unit import AHEAD as LOADS_AHEAD
from hw.accelerator.store_unit import AHEAD as STORES_AHEAD
from hw.program.instructions import Instruction
from sim.accelerator.timing.checked import Checked
from sim.accelerator.timing.kernel import Clock, Process
from sim.accelerator.timing.memory import MemoryModel
from sim.accelerator.timing.station import Given, Station

READ = 5
"""Cycles from a reader's job to its first word of the buffer."""

WRITE = 2
"""Cycles from a writer's last word to the pulse that tells that it is in the buffer."""

GATHERED = 4
"""Cycles from an id to the request of its row; the next id is looked at behind it."""

STORED = 3
"""Cycles from a burst's last word in the memory port to its first beat."""


def rows_and_words(given: Given) -> tuple[int, int]:
    """Of a load or store."""
    rows, words = given.counts[0], given.one["words"]
    return (rows, words) if words else (0, 0)


def row_address(one: Instruction, row: int) -> int:
    """Where a row lies in memory; rows by ids are taken for one after the other."""
    return one["address"] + row * one["pitch"]


class LoadTiming:
    """Rows are asked for one by one, and written as they come."""

    def __init__(self, clock: Clock, station: Station, memory: MemoryModel) -> None:
        self.clock, self.station, self.memory = clock, station, memory
        # Its rows and its ids are looked at in turn, also where there are no ids.
        self._checked = Checked(clock, station, lambda given: 2 * all(rows_and_words(given)))
        self._jobs: deque[Given] = deque()
        self._under_way = 0
        self._changed = clock.notice()
        clock.start(self._ask())
        clock.start(self._write())

    def _ask(self) -> Process:
        while True:
            given = yield from self._checked.wait()
            rows, words = rows_and_words(given)
            gathers = given.one["gather"]
            # Ids may be what an earlier instruction loads; one job is in the writer.
            while (self._under_way and (not rows or gathers)) or len(self._jobs) > LOADS_AHEAD:
                yield self._changed
            yield from self._checked.leave()
            given.begin = self.clock.now
            if not rows:
                self.station.complete(given, 0.0)
                continue
            self._under_way += 1
            self._jobs.append(given)
            self._changed.tell()
            yield float(READ if gathers else 1)
            for row in range(rows):
                if gathers:
                    yield float(GATHERED)
                yield from self.memory.ask("load", row_address(given.one, row), words)

    def _write(self) -> Process:
        reader = self.memory.readers["load"]
        while True:
            while not self._jobs:
                yield self._changed
            given = self._jobs[0]
            rows, words = rows_and_words(given)
            left = rows * words
            while left:
                while not reader.words:
                    yield reader.came
                taken = min(left, reader.words)
                self.memory.take("load", taken)
                left -= taken
            moved = rows * words * self.memory.word_cycles
            self.station.complete(given, moved, self.clock.now + WRITE)
            self.clock.start(self._end(), WRITE + 1)
            yield 1.0
            self._jobs.popleft()
            self._changed.tell()

    def _end(self) -> Process:
        self._under_way -= 1
        self._changed.tell()
        yield 0.0


class StoreTiming:
    """A burst goes when its words are there; memory answers the last one of an instruction."""

    def __init__(self, clock: Clock, station: Station, memory: MemoryModel) -> None:
        self.clock, self.station, self.memory = clock, station, memory
        self._checked = Checked(clock, station, lambda given: int(all(rows_and_words(given))))
        self._under_way: deque[float] = deque()
        self._bus = 0.0
        clock.start(self._run())

    def _run(self) -> Process:
        memory = self.memory
        read = 0.0
        while True:
            given = yield from self._checked.wait()
            rows, words = rows_and_words(given)
            while self._under_way and self._under_way[0] <= self.clock.now:
                self._under_way.popleft()
            if not rows or len(self._under_way) >= STORES_AHEAD:
                yield self.clock.until(
                    self._under_way[-1 if not rows else 0] if self._under_way else 0.0
                )
            yield from self._checked.leave()
            given.begin = self.clock.now
            if not rows:
                self.station.complete(given, 0.0)
                continue
            read = max(self.clock.now + READ, read)
            for row in range(rows):
                for burst in memory.bursts(row_address(given.one, row), words):
                    read += burst
                    # Its address goes first, then a beat in a cycle.
                    begin = max(read + STORED, self._bus)
                    self._bus = begin + burst * memory.word_cycles
            end = self._bus - 1 + max(memory.latency, 1)
            self._under_way.append(end + 1)
            self.station.complete(given, rows * words * memory.word_cycles, end)
            # The next one is taken when this one's last words are asked for.
            yield self.clock.until(
                max(read - READ, self._bus - 2 * memory.longest * memory.word_cycles)
            )
