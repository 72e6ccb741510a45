"""The weight unit: tiles of weights and their channel numbers, from memory or from the buffer."""

from collections import deque

from hw.accelerator.plan import AcceleratorPlan
from hw.accelerator.weight_unit import AHEAD, CHANNEL_BYTES
from sim.accelerator.timing.checked import Checked
from sim.accelerator.timing.kernel import Clock, Process
from sim.accelerator.timing.memory import MemoryModel
from sim.accelerator.timing.sets import Sets, cores_of
from sim.accelerator.timing.station import Given, Station
from sim.accelerator.timing.transfers import READ


class WeightTiming:
    """Tiles in order, a word a cycle; channel numbers, a column a cycle, beside the next tiles.

    Rows of the buffer that are not transposed take two cycles a word; those that are leave behind
    a tile of them.
    """

    def __init__(
        self,
        clock: Clock,
        station: Station,
        memory: MemoryModel,
        plan: AcceleratorPlan,
        weights: Sets,
        channels: Sets,
    ) -> None:
        machine = plan.machine
        self.clock, self.station, self.memory = clock, station, memory
        self._checked = Checked(clock, station, _walks)
        self.weights, self.channels = weights, channels
        self.columns, self.word_bytes = machine.lanes, machine.word_bytes
        self.tile_words = machine.word_bytes // 2
        self.channel_words = self.columns * CHANNEL_BYTES // machine.word_bytes
        self.room = machine.cores * self.channel_words
        self._loads: deque[Given] = deque()
        self._kept: deque[tuple[Given, int, bool]] = deque()
        self._under_way = 0
        self._rows_free = 0.0
        self._changed = clock.notice()
        clock.start(self._ask())
        clock.start(self._place())
        clock.start(self._number())

    def _ask(self) -> Process:
        while True:
            given = yield from self._checked.wait()
            one = given.one
            full = 2 * AHEAD if given.counts[0] else 1
            while self._under_way >= full or len(self._loads) >= AHEAD:
                yield self._changed
            yield from self._checked.leave()
            given.begin = self.clock.now
            if not given.counts[0]:
                self.station.complete(given, 0.0)
                continue
            self._under_way += 1
            self._loads.append(given)
            self._changed.tell()
            yield 1.0
            if one.name == "activations":
                continue
            address = one["address"]
            for k in range(one["k_tiles"] + 1):
                last = k == one["k_tiles"]
                words = one["tiles"] * (self.channel_words if last else self.tile_words)
                yield from self.memory.ask("weights", address, words)
                address += words * self.word_bytes

    def _place(self) -> Process:
        while True:
            while not self._loads:
                yield self._changed
            given = self._loads[0]
            one = given.one
            buffered = one.name == "activations"
            if buffered:
                # A tile that is turned over leaves when it is whole; others are asked for when
                # the last row of those before has been.
                behind, gap = (self.tile_words, 0) if one["transposed"] else (0, 2)
                begin = max(given.begin + READ, self._rows_free + gap)
                yield self.clock.until(begin + behind)
            for k in range(one["k_tiles"]):
                number = one["first_set"] + k
                for tile in range(one["tiles"]):
                    cores = cores_of(one, tile)
                    yield from self.weights.until_free(number, cores)
                    yield from self._tile(given)
                    self.clock.start(self.weights.load(number, cores))
            self._rows_free = self.clock.now if buffered else self._rows_free
            for tile in range(one["tiles"]):
                for word in range(self.channel_words):
                    while len(self._kept) >= self.room:
                        yield self._changed
                    if buffered:
                        yield 1.0
                    else:
                        yield from self._consume(1)
                    self._kept.append((given, tile, word == self.channel_words - 1))
                    self._changed.tell()
            self._loads.popleft()
            self._changed.tell()

    def _tile(self, given: Given) -> Process:
        """A tile's words."""
        if given.one.name == "activations":
            yield self.tile_words * self._word_cycles(given)
        else:
            yield from self._consume(self.tile_words)

    def _word_cycles(self, given: Given) -> float:
        """Cycles of a word where nothing holds it up."""
        if given.one.name == "activations":
            return 1.0 if given.one["transposed"] else 2.0
        return self.memory.word_cycles

    def _consume(self, words: int) -> Process:
        """Take words as they come, one a cycle."""
        reader, free = self.memory.readers["weights"], self.clock.now
        while words:
            while not reader.words:
                yield reader.came
            taken = min(words, reader.words)
            free = max(free + taken, self.clock.now + 1)
            yield self.clock.until(free)
            self.memory.take("weights", taken)
            words -= taken

    def _number(self) -> Process:
        """A column's numbers in a cycle, from the first word on that is kept."""
        while True:
            while not self._kept:
                yield self._changed
            given, tile, last = self._kept[0]
            one = given.one
            number, cores = one["first_set"] + one["k_tiles"] - 1, cores_of(one, tile)
            yield from self.channels.until_free(number, cores)
            yield float(self.columns // self.channel_words - 1)
            if last:
                self.clock.start(self.channels.load(number, cores))
            if last and tile == one["tiles"] - 1:
                self._under_way -= 1
                words = (one["k_tiles"] * self.tile_words + self.channel_words) * one["tiles"]
                self.station.complete(given, words * self._word_cycles(given))
            yield 1.0
            self._kept.popleft()
            self._changed.tell()


def _walks(given: Given) -> int:
    """Of the buffer: its rows, if it has any."""
    return int(given.one.name == "activations" and bool(given.counts[1]))
