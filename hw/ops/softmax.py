"""Softmax of whole rows: a max-finder, a sum of powers, its logarithm, and no divider."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Module, Shape, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import SoftmaxSpec
from hw.ops.antilogarithm import Antilogarithm
from hw.ops.gather_buffer import GatherBuffer
from hw.ops.max_finder import MaxFinder, largest_layout, masked_row_layout
from hw.ops.plan import SoftmaxPlan
from hw.ops.reciprocal import Logarithm
from hw.ops.row import row_layout
from hw.ops.row_buffer import RowBuffer
from hw.ops.row_distances import RowDistances, clipped, distance_shape
from hw.ops.row_power import RowPower, power_shape
from hw.ops.row_reduction import RowReduction
from hw.pipeline import Pipeline, held
from hw.stream import Fork, Queue

AHEAD = 16
"""Beats that enter a buffer while the pass before it tells its result."""


def code_row_layout(spec: SoftmaxSpec, plan: SoftmaxPlan) -> data.StructLayout:
    """One beat of probabilities: codes, and whether the row ends with it."""
    return row_layout(unsigned(spec.output_bits), plan.output_lanes)


class Softmax(wiring.Component):
    """``P = 2**(x - max - log2(sum 2**(x - max)))`` of each row, codes of ``spec.unit``.

    Three passes over a row, each over another row at the same time: the largest score; the sum of
    the powers of the distances to it; the powers of the distances and the logarithm of that sum.
    Throughput is one beat of ``lanes`` scores per cycle, rows back to back. From a row's first
    score to its first code it takes ``latency`` cycles and twice the beats of the row. Elements
    that are not seen give 0; so does every one of a row without a seen element. Source:
    ReTransformer, ICCAD 2020, hybrid softmax.

    Members
    -------
    i : :py:`In(stream.Signature(masked_row_layout(signed(spec.score_bits), plan.lanes)))`
    o : :py:`Out(stream.Signature(code_row_layout(spec, plan)))`
        The same elements, ``plan.output_groups`` beats at a time.
    largest : :py:`Out(stream.Signature(largest_layout(spec.score_bits, plan.index_bits)))`
        Each row's largest score and its lowest index: the argmax.
    """

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan | None = None) -> None:
        plan = SoftmaxPlan() if plan is None else plan
        self.spec, self.plan = spec, plan
        scores = masked_row_layout(signed(spec.score_bits), plan.lanes)
        largest = largest_layout(spec.score_bits, plan.index_bits)
        super().__init__({
            "i": In(stream.Signature(scores)),
            "o": Out(stream.Signature(code_row_layout(spec, plan))),
            "largest": Out(stream.Signature(largest)),
        })

    @staticmethod
    def latency(spec: SoftmaxSpec, plan: SoftmaxPlan) -> int:
        """Cycles from a row's first score to its first code, less twice the beats of the row."""
        sums = RowReduction.latency(plan.lanes)
        return 2 + plan.max_finder.stages + sums + Logarithm.STAGES + Normalise.STAGES

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        m.submodules.copies = copies = Fork(self.i.payload.shape(), 2)
        m.submodules.max_finder = finder = MaxFinder(
            spec.score_bits, plan.max_finder, plan.index_bits
        )
        m.submodules.scores = scores = RowBuffer(self.i.payload.shape(), plan.longest_beats + AHEAD)
        m.submodules.found = found = Fork(self.largest.payload.shape(), 2)
        m.submodules.maxima = maxima = Queue(signed(spec.score_bits), 2)
        m.submodules.distances = distances = RowDistances(spec, plan)
        wiring.connect(m, wiring.flipped(self.i), copies.i)
        wiring.connect(m, copies.o[0], finder.i)
        wiring.connect(m, copies.o[1], scores.i)
        wiring.connect(m, finder.o, found.i)
        wiring.connect(m, found.o[0], wiring.flipped(self.largest))
        m.d.comb += [
            maxima.i.payload.eq(found.o[1].p.value),
            maxima.i.valid.eq(found.o[1].valid),
            found.o[1].ready.eq(maxima.i.ready),
        ]
        wiring.connect(m, scores.o, distances.i)
        wiring.connect(m, maxima.o, distances.largest)
        self.normalise(m, distances.o)
        return m

    def normalise(self, m: Module, distances: Any) -> None:
        """Join the second and the third pass to the distances."""
        spec, plan = self.spec, self.plan
        kept = distance_shape(spec, spec.output_bits)
        second, third = RowPower(spec, plan), Normalise(spec, plan)
        self.join_passes(m, distances, kept, lambda x: clipped(x, kept.width), second, third)

    def join_passes(
        self,
        m: Module,
        rows: Any,
        kept: Shape,
        cut: Callable[[Value], Value],
        second: wiring.Component,
        third: wiring.Component,
    ) -> None:
        """Give rows to ``second``; what it makes of each, and the row as ``kept``, to ``third``."""
        plan = self.plan
        m.submodules.both = both = Fork(rows.payload.shape(), 2)
        m.submodules.gather = gather = GatherBuffer(
            kept, plan.lanes, plan.output_groups, plan.longest_groups + AHEAD
        )
        m.submodules.second, m.submodules.third = second, third
        m.submodules.totals = totals = Queue(second.o.payload.shape(), 2)
        wiring.connect(m, rows, both.i)
        for lane, x in enumerate(both.o[0].p.data):
            m.d.comb += gather.i.p.data[lane].eq(cut(x))
        m.d.comb += [
            gather.i.p.last.eq(both.o[0].p.last),
            gather.i.valid.eq(both.o[0].valid),
            both.o[0].ready.eq(gather.i.ready),
        ]
        wiring.connect(m, both.o[1], second.i)
        wiring.connect(m, second.o, totals.i)
        wiring.connect(m, gather.o, third.i)
        wiring.connect(m, totals.o, third.total)
        wiring.connect(m, third.o, wiring.flipped(self.o))


class Normalise(wiring.Component):
    """``code = round(2**(output_bits - distance - power))`` of every element of a row.

    Latency is ``STAGES`` cycles, throughput one beat per cycle.

    Members
    -------
    i : :py:`In(stream.Signature(row_layout(distance, plan.output_lanes)))`
        ``distance_shape(spec, spec.output_bits)`` each.
    total : :py:`In(stream.Signature(power_shape(spec, plan)))`
        The power of each row.
    o : :py:`Out(stream.Signature(code_row_layout(spec, plan)))`
    """

    STAGES = 1 + Antilogarithm.STAGES

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan) -> None:
        self.spec, self.plan = spec, plan
        distances = row_layout(distance_shape(spec, spec.output_bits), plan.output_lanes)
        super().__init__({
            "i": In(stream.Signature(distances)),
            "total": In(stream.Signature(power_shape(spec, plan))),
            "o": Out(stream.Signature(code_row_layout(spec, plan))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec = self.spec
        both = stream.Signature(unsigned(1)).create()
        moves = Pipeline(m, both, self.o, self.STAGES).moves
        m.d.comb += [
            both.valid.eq(self.i.valid & self.total.valid),
            self.i.ready.eq(both.valid & both.ready),
            self.total.ready.eq(self.i.ready & self.i.p.last),
            self.o.p.last.eq(held(m, moves, "last", self.i.p.last, self.STAGES)),
        ]
        finer = spec.antilogarithm.fraction_bits - spec.distance_fraction_bits
        for lane in range(self.plan.output_lanes):
            y = self.i.p.data[lane].shift_left(finer) + self.total.payload
            code = Antilogarithm(spec.antilogarithm, spec.output_bits, len(y))
            m.submodules[f"code_{lane}"] = code
            m.d.comb += [
                code.enable.eq(moves),
                code.y.eq(held(m, moves, f"distance_{lane}", y)),
                self.o.p.data[lane].eq(code.code),
            ]
        return m
