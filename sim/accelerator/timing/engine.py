"""The attention engine: blocks of keys and values against up to ``query_rows`` queries."""

from collections import deque

from hw.accelerator.plan import AcceleratorPlan
from hw.engine.context import Context
from hw.engine.row_softmax import RowSoftmax
from hw.ops.reciprocal import Reciprocal
from hw.ops.requantize import Requantizer
from sim.accelerator.timing.kernel import Clock, Process
from sim.accelerator.timing.station import Given, Station
from sim.accelerator.timing.transfers import READ, WRITE

HEADS = 2
"""Heads that wait in front of each part."""


class EngineTiming:
    """Keys and values come while the array works on the block before; contexts leave behind it."""

    def __init__(self, clock: Clock, station: Station, plan: AcceleratorPlan) -> None:
        spec, engine = plan.attention_spec, plan.engine_plan
        self.clock, self.station, self.plan = clock, station, engine
        self.block = spec.key_block
        self.key_beats = engine.key_beats(spec)
        # From a query's last part in the array to its probabilities; from that of a context to its
        # first results, which leave a queue of rows.
        self.softmax = Context.STAGES + 1 + RowSoftmax.latency(spec, engine)
        self.result = Reciprocal.STAGES + Requantizer.STAGES + 3
        self._heads: deque[Given] = deque()
        self._changed = clock.notice()
        clock.start(self._take())
        clock.start(self._run())

    def _take(self) -> Process:
        while True:
            given = yield from self.station.take()
            while len(self._heads) > HEADS:
                yield self._changed
            given.begin = self.clock.now
            self._heads.append(given)
            self._changed.tell()

    def _run(self) -> Process:
        loader = array = left = 0.0
        keys_used = values_used = 0.0
        banks = [0.0, 0.0]
        query_reader = 0.0
        while True:
            while not self._heads:
                yield self._changed
            given = self._heads[0]
            one, (queries, keys) = given.one, given.counts
            # Jobs of keys are made of heads in three steps, those of queries at once.
            asked, ready = given.begin + READ, given.begin + 3 + READ
            beats = one["beats"]
            groups = -(-beats // self.key_beats)
            context_row = groups * self.key_beats
            out_row = beats * self.plan.lanes // self.plan.output_lanes
            moved = 0.0
            for first in range(0, queries if keys else 0, self.plan.rows):
                rows = min(self.plan.rows, queries - first)
                # A bank of queries is free when the job before the last is over.
                query_reader = max(query_reader, asked, banks[0]) + 1
                query_begin, query_reader = query_reader, query_reader + rows * (1 + beats)
                blocks = -(-keys // self.block)
                for block in range(blocks):
                    count = min(self.block, keys - block * self.block)
                    loader = max(loader + (block == 0), keys_used, ready) + 1 + count * beats
                    keys_ready = loader
                    loader = max(loader, values_used) + count * beats
                    values_ready = loader
                    scores = max(array + (block == 0), keys_ready, query_begin + 2 + beats)
                    array = max(scores + rows * beats, query_reader + 1 + beats)
                    keys_used = array + 1
                    contexts = max(array, values_ready, scores + beats + self.softmax)
                    array = max(contexts + rows * context_row, array + self.softmax + context_row)
                    if block == blocks - 1:
                        # A context needs a place that the job before it has left.
                        array = max(array, left)
                        begin = max(left, contexts + context_row + self.result)
                        left = max(begin + rows * out_row, array + self.result + out_row)
                    values_used = array + 1
                    moved += rows * (beats + context_row)
                banks = [banks[1], array]
            end = max(left + WRITE, given.begin + 1) if moved else max(left, given.begin) + 1
            given.begin += 1
            self.station.complete(given, moved, end)
            # The next head's operands are asked for while this one's contexts leave.
            yield self.clock.until(loader)
            self._heads.popleft()
            self._changed.tell()
