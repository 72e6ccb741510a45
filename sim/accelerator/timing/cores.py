"""The cores: rows of codes in, rows of results out, tile of K by tile of K."""

from collections import deque
from collections.abc import Sequence

from hw.accelerator.plan import AcceleratorPlan
from hw.ops.requantize import Requantizer
from sim.accelerator.timing.kernel import Clock, Process
from sim.accelerator.timing.pace import Paces
from sim.accelerator.timing.sets import Sets, cores_of
from sim.accelerator.timing.station import Given, Station
from sim.accelerator.timing.transfers import READ, WRITE

FEED = READ + 3
"""Cycles from an instruction to its first vector in the cores."""

COLLECTED = WRITE + 2
"""Cycles from a core's last codes to the pulse that tells that they are in the buffer."""


class CoreTiming:
    """Rows of codes to all cores of a row group at once, a word a cycle; rows of results likewise.

    What a row costs a core is in ``paces``; rows of the last tile of K leave a word per port and
    cycle, so that T tiles take T / P cycles a row. Rows behind them wait in the cores' queues.
    """

    def __init__(
        self,
        clock: Clock,
        station: Station,
        plan: AcceleratorPlan,
        paces: Paces,
        remarks: Sequence[str],
        weights: Sets,
        channels: Sets,
    ) -> None:
        spec, core = plan.core_spec, plan.core_plan
        self.clock, self.station = clock, station
        self.paces, self.remarks = paces, remarks
        self.weights, self.channels = weights, channels
        self.beats = core.groups(spec)
        # From a row's vector to its first codes, but for the macro's steps.
        self.latency = 4 + core.stages(spec) + Requantizer.STAGES
        self.ahead, self.ports = core.input_depth + 1, plan.result_ports
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
            yield self.clock.until(given.begin + FEED)
            groups, tiles, cores = 1 << one["group_bits"], one["tiles"], cores_of(one)
            each = -(-rows // groups)
            fed = each * groups
            pace = self.paces.of(self.remarks[given.place] if self.remarks else "")
            latency = self.latency + pace.mean
            end = max(collected, self.clock.now)
            for k in range(one["k_tiles"] if rows else 0):
                number, last = one["first_set"] + k, k == one["k_tiles"] - 1
                yield from self.weights.until_loaded(number, cores)
                if last:
                    yield from self.channels.until_loaded(number, cores)
                begin = self.clock.now
                tail = pace.tail if last else 0.0
                macro = max(
                    max(begin + 1, macro) + each * pace.mean + tail, begin + fed + pace.mean
                )
                done = max(begin + fed, macro - self.ahead * pace.mean)
                if last:
                    first = begin + latency
                    out = max(each * self.beats, rows * tiles / self.ports, fed)
                    end = max(collected, first) + out
                    end = max(end, macro + latency - pace.mean - 1)
                    turn = max(groups * tiles / self.ports, 1.0)
                    if each > self.behind:
                        # The queues are full: a row leaves its macro when one leaves the core.
                        macro = max(macro, end - max(self.behind * turn, latency))
                        done = max(done, macro - self.ahead * max(turn, pace.mean))
                    self.clock.start(
                        self.channels.release(number, cores, end - Requantizer.STAGES - turn)
                    )
                if not one["keep"]:
                    # They are free two cycles later; a word waits for that in front of the cores.
                    self.clock.start(self.weights.release(number, cores, macro))
                yield self.clock.until(done)
                if not one["keep"]:
                    self.weights.close(number, cores)
                if last:
                    self.channels.close(number, cores)
            collected = end
            row = max(fed, each * pace.mean)
            moved = (
                (one["k_tiles"] - 1) * row + max(row, rows * tiles / self.ports) if rows else 0.0
            )
            # It counts as begun when the collector has it, four cycles after it came.
            given.begin = min(given.begin + 3, end)
            self.station.complete(given, moved, end + COLLECTED if rows else end)
            self._passes.popleft()
            self._changed.tell()
