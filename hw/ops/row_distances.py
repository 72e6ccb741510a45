"""Distances of a row's scores to the largest one."""

from typing import Any

from amaranth.hdl import Module, Shape, Value, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import SoftmaxSpec
from hw.ops.antilogarithm import whole_bits
from hw.ops.max_finder import masked_row_layout
from hw.ops.plan import SoftmaxPlan
from hw.ops.row import row_layout
from hw.pipeline import Pipeline, held


def distance_shape(spec: SoftmaxSpec, bits: int) -> Shape:
    """A distance as codes of ``bits`` bits can tell it apart; all ones gives zero."""
    return unsigned(whole_bits(bits) + spec.distance_fraction_bits)


def clipped(value: Value, bits: int) -> Value:
    """The lowest ``bits`` bits of an unsigned value, all ones if they do not hold it."""
    return value[:bits] | value[bits:].any().replicate(bits)


class RowDistances(wiring.Component):
    """``o = round(largest - x)``, all ones where nothing is seen or a term would be zero.

    Latency is one cycle, throughput one beat per cycle.

    Members
    -------
    i : :py:`In(stream.Signature(masked_row_layout(signed(spec.score_bits), plan.lanes)))`
    largest : :py:`In(stream.Signature(signed(spec.score_bits)))`
        Of each row.
    o : :py:`Out(stream.Signature(row_layout(distance_shape(spec, spec.term_bits), plan.lanes)))`
    """

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan) -> None:
        self.spec, self.plan = spec, plan
        score, distance = signed(spec.score_bits), distance_shape(spec, spec.term_bits)
        super().__init__({
            "i": In(stream.Signature(masked_row_layout(score, plan.lanes))),
            "largest": In(stream.Signature(score)),
            "o": Out(stream.Signature(row_layout(distance, plan.lanes))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        both = stream.Signature(unsigned(1)).create()
        moves = Pipeline(m, both, self.o, 1).moves
        m.d.comb += [
            both.valid.eq(self.i.valid & self.largest.valid),
            self.i.ready.eq(both.valid & both.ready),
            self.largest.ready.eq(self.i.ready & self.i.p.last),
            self.o.p.last.eq(held(m, moves, "last", self.i.p.last)),
        ]
        for lane, x in enumerate(self.i.p.data):
            distance = self._distance(x, self.i.p.seen[lane])
            m.d.comb += self.o.p.data[lane].eq(held(m, moves, f"distance_{lane}", distance))
        return m

    def _distance(self, x: Value, seen: Value) -> Value:
        dropped = self.spec.dropped_bits
        half = 1 << dropped >> 1
        # What is seen is not above the largest: the sign is that of nobody.
        difference = ((self.largest.payload + half) - x)[dropped:-1]
        bits = self.o.p.data.shape().elem_shape.width
        return clipped(difference, bits) | (~seen).replicate(bits)
