"""Memory and its port: bursts of three readers, the first in order that has one goes first."""

from collections import deque

from hw.accelerator.axi import BURST_BEATS
from hw.accelerator.fetch import AHEAD
from hw.accelerator.machine import Machine
from hw.accelerator.memory_port import READERS
from hw.accelerator.memory_read import burst_count, word_queue_words
from hw.program.instructions import BYTES
from sim.accelerator.timing.kernel import Clock, Process

FOUND = 3
"""Cycles from a request to its first burst, which is chosen from then on."""

ISSUE = 2
"""Cycles from the choice of a burst to memory, and from a beat to its reader."""

ROOM = 2
"""Cycles from a word that was taken to the burst that has its place."""

WAITING = 3
"""Requests of a reader that may wait behind the one at hand."""


class Reader:
    """What one client has asked for, and the words that wait for it."""

    def __init__(self, clock: Clock, depth: int) -> None:
        self.asked: deque[list[int]] = deque()
        self.coming = self.words = 0
        self.room = depth
        self.came = clock.notice()
        self.issued = clock.notice()


class MemoryModel:
    """As ``hw.accelerator.memory_read`` in front of a memory that answers in order.

    Parameters
    ----------
    hidden : cycles of latency that the port's queues are made for
    latency, pace : cycles from a burst's address to its first beat, and from beat to beat
    """

    def __init__(
        self, clock: Clock, machine: Machine, hidden: int, latency: int, pace: float
    ) -> None:
        self.clock, self.latency, self.pace = clock, latency, pace
        self.word_bytes = machine.word_bytes
        self.beats = machine.word_bytes // machine.bus_bytes
        self.longest = BURST_BEATS // self.beats
        depth = word_queue_words(hidden, machine.word_bytes, machine.bus_bytes)
        few = max(self.longest, min(AHEAD * BYTES // machine.word_bytes, depth))
        self.readers = {name: Reader(clock, few if name == "fetch" else depth) for name in READERS}
        self.busy = 0.0
        self._free = 0.0
        self._under_way, self._most = 0, burst_count(hidden)
        self._asked = clock.notice()
        clock.start(self._issue())

    def ask(self, name: str, address: int, words: int) -> Process:
        """Ask for words when there is room for a request."""
        reader = self.readers[name]
        while reader.coming + len(reader.asked) > WAITING:
            yield reader.issued
        reader.coming += 1
        # Where the room is not ample a burst is compared with it first.
        found = FOUND + int(reader.room < 2 * self.longest)
        self.clock.start(self._find(reader, [address // self.word_bytes, words]), found)
        yield 1.0

    def _find(self, reader: Reader, request: list[int]) -> Process:
        reader.coming -= 1
        reader.asked.append(request)
        self._asked.tell()
        yield 0.0

    def take(self, name: str, words: int) -> None:
        """Make room for as many words as were taken."""
        reader = self.readers[name]
        reader.words -= words
        self.clock.start(self._make_room(reader, words), ROOM)

    def _make_room(self, reader: Reader, words: int) -> Process:
        reader.room += words
        self._asked.tell()
        yield 0.0

    @property
    def word_cycles(self) -> float:
        """Cycles of a word on the bus."""
        return self.beats * self.pace

    def bursts(self, address: int, words: int) -> list[int]:
        """Words of each burst of ``words`` words from ``address`` on."""
        found, place = [], address // self.word_bytes
        while words:
            found.append(min(words, self.longest - place % self.longest))
            words -= found[-1]
            place += found[-1]
        return found

    def _burst(self, reader: Reader) -> int:
        if not reader.asked:
            return 0
        place, left = reader.asked[0]
        burst = min(left, self.longest - place % self.longest)
        return burst if burst <= reader.room else 0

    def _issue(self) -> Process:
        while True:
            chosen = next((one for one in self.readers.values() if self._burst(one)), None)
            if chosen is None or self._under_way >= self._most:
                yield self._asked
                continue
            words = self._burst(chosen)
            request = chosen.asked[0]
            request[0] += words
            request[1] -= words
            chosen.room -= words
            if not request[1]:
                chosen.asked.popleft()
                chosen.issued.tell()
            beats = words * self.word_cycles
            # No beat comes in the cycle of its address.
            begin = max(self.clock.now + ISSUE + max(self.latency, 1), self._free)
            self._free = begin + beats
            self.busy += beats
            self._under_way += 1
            self.clock.start(self._bring(chosen, words), self._free - 1 + ISSUE - self.clock.now)
            yield 1.0

    def _bring(self, reader: Reader, words: int) -> Process:
        self._under_way -= 1
        self._asked.tell()
        reader.words += words
        reader.came.tell()
        yield 0.0
