"""The weight unit and the cores: tiles come when a set is free, rows when one is full."""

from collections import deque

from hw.accelerator.plan import AcceleratorPlan
from hw.accelerator.weight_unit import AHEAD, CHANNEL_BYTES
from hw.ops.requantize import Requantizer
from hw.program.instructions import Instruction
from sim.accelerator.timing.kernel import Clock, Process
from sim.accelerator.timing.memory import MemoryModel
from sim.accelerator.timing.pace import Pace
from sim.accelerator.timing.station import Given, Station
from sim.accelerator.timing.transfers import READ


class Sets:
    """Which sets of which cores hold weights, or channel numbers, that are still needed."""

    def __init__(self, clock: Clock, cores: int, sets: int) -> None:
        self.clock, self.sets = clock, sets
        self.loaded = [[False] * cores for _ in range(sets)]
        self.changed = clock.notice()

    def load(self, number: int, cores: range) -> Process:
        """They are there from the next cycle on."""
        yield 1.0
        self._mark(number, cores, True)

    def release(self, number: int, cores: range, time: float) -> Process:
        """They are free behind ``time``."""
        yield self.clock.until(time) + 1
        self._mark(number, cores, False)

    def _mark(self, number: int, cores: range, value: bool) -> None:
        for core in cores:
            self.loaded[number % self.sets][core] = value
        self.changed.tell()

    def wait(self, number: int, cores: range, loaded: bool) -> Process:
        """Until all of these cores are loaded, or all are free."""
        row = self.loaded[number % self.sets]
        while any(row[core] != loaded for core in cores):
            yield self.changed


def cores_of(one: Instruction, tile: int | None = None) -> range:
    """Cores of a tile, or of all of an instruction's tiles."""
    groups = 1 << one["group_bits"]
    return (
        range(one["tiles"] * groups) if tile is None else range(tile * groups, (tile + 1) * groups)
    )


class WeightTiming:
    """Tiles in order, a word a cycle; channel numbers, a column a cycle, beside the next tiles."""

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
        self.weights, self.channels = weights, channels
        self.columns, self.word_bytes = machine.lanes, machine.word_bytes
        self.tile_words = machine.word_bytes // 2
        self.channel_words = self.columns * CHANNEL_BYTES // machine.word_bytes
        self.room = machine.cores * self.channel_words
        self._loads: deque[Given] = deque()
        self._kept: deque[tuple[Given, int]] = deque()
        self._under_way = 0
        self._changed = clock.notice()
        clock.start(self._ask())
        clock.start(self._place())
        clock.start(self._number())

    def _ask(self) -> Process:
        while True:
            given = yield from self.station.take()
            one = given.one
            full = 0 if not given.counts[0] else 2 * AHEAD
            while self._under_way > full or len(self._loads) >= AHEAD:
                yield self._changed
            given.begin = self.clock.now
            if not given.counts[0]:
                self.station.complete(given, 0.0)
                continue
            self._under_way += 1
            self._loads.append(given)
            self._changed.tell()
            yield 1.0
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
            for k in range(one["k_tiles"]):
                number = one["first_set"] + k
                for tile in range(one["tiles"]):
                    cores = cores_of(one, tile)
                    yield from self.weights.wait(number, cores, loaded=False)
                    yield from self._consume(self.tile_words)
                    self.clock.start(self.weights.load(number, cores))
            for tile in range(one["tiles"]):
                while (len(self._kept) + 1) * self.channel_words > self.room:
                    yield self._changed
                yield from self._consume(self.channel_words)
                self._kept.append((given, tile))
                self._changed.tell()
            self._loads.popleft()
            self._changed.tell()

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
        """A column's numbers in a cycle."""
        while True:
            while not self._kept:
                yield self._changed
            given, tile = self._kept[0]
            one = given.one
            number, cores = one["first_set"] + one["k_tiles"] - 1, cores_of(one, tile)
            yield from self.channels.wait(number, cores, loaded=False)
            yield float(self.columns)
            self.clock.start(self.channels.load(number, cores))
            self._kept.popleft()
            if tile == one["tiles"] - 1:
                self._under_way -= 1
                words = (one["k_tiles"] * self.tile_words + self.channel_words) * one["tiles"]
                self.station.complete(given, words * self.memory.word_cycles)
            self._changed.tell()


class CoreTiming:
    """Rows of codes to all cores of a row group at once, a word a cycle; rows of results likewise.

    A core takes ``pace`` cycles for a row; rows of the last tile of K leave a word at a time, so
    that T tiles take T cycles a row. Rows behind them wait in the cores' queues.
    """

    def __init__(
        self,
        clock: Clock,
        station: Station,
        plan: AcceleratorPlan,
        pace: Pace,
        weights: Sets,
        channels: Sets,
    ) -> None:
        spec, core = plan.core_spec, plan.core_plan
        self.clock, self.station, self.pace = clock, station, pace
        self.weights, self.channels = weights, channels
        self.beats = core.groups(spec)
        # From a row's vector to its word: input buffer, macro, sums, queue, requantizer, collector.
        self.latency = 8 + pace.mean + self.beats + Requantizer.STAGES - 4
        self.ahead = core.input_depth + 1
        # Rows of a core between the macros and the collector.
        self.behind = core.row_depth + 2 + Requantizer.STAGES // self.beats
        self._passes: deque[Given] = deque()
        self._changed = clock.notice()
        clock.start(self._take())
        clock.start(self._feed())

    def _take(self) -> Process:
        while True:
            given = yield from self.station.take()
            while len(self._passes) > 2:
                yield self._changed
            given.begin = self.clock.now
            self._passes.append(given)
            self._changed.tell()

    def _feed(self) -> Process:
        macro = collected = 0.0
        while True:
            while not self._passes:
                yield self._changed
            given = self._passes[0]
            one, rows = given.one, given.counts[0]
            yield self.clock.until(given.begin + READ)
            groups, tiles, cores = 1 << one["group_bits"], one["tiles"], cores_of(one)
            each = -(-rows // groups)
            fed = each * groups
            work = each * self.pace.mean + (self.pace.tail if rows else 0.0)
            end = max(collected, self.clock.now)
            for k in range(one["k_tiles"] if rows else 0):
                number, last = one["first_set"] + k, k == one["k_tiles"] - 1
                yield from self.weights.wait(number, cores, loaded=True)
                if last:
                    yield from self.channels.wait(number, cores, loaded=True)
                begin = self.clock.now
                macro = max(max(begin + 1, macro) + work, begin + fed + self.pace.mean)
                done = max(begin + fed, macro - self.ahead * self.pace.mean)
                if last:
                    first = begin + self.latency
                    out = max(each * self.beats, rows * tiles, fed)
                    end = max(collected, first) + out
                    end = max(end, macro + self.latency - self.pace.mean - 1)
                    turn = groups * tiles
                    macro = max(macro, end - min(self.behind, each) * turn)
                    done = max(done, macro - min(self.ahead, each) * turn)
                    self.clock.start(self.channels.release(number, cores, end - 5 - turn))
                if not one["keep"]:
                    self.clock.start(self.weights.release(number, cores, macro + 2))
                yield self.clock.until(done)
            collected = end
            row = max(fed, each * self.pace.mean)
            moved = (one["k_tiles"] - 1) * row + max(row, rows * tiles) if rows else 0.0
            given.begin = min(given.begin, end)
            self.station.complete(given, moved, end)
            self._passes.popleft()
            self._changed.tell()
