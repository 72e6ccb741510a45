"""Distances of a row's scores to the largest one, and the logarithm of the sum of their powers."""

from typing import Any

from amaranth.hdl import Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import SoftmaxSpec
from hw.ops.antilogarithm import Antilogarithm, whole_bits
from hw.ops.max_finder import masked_row_layout
from hw.ops.plan import SoftmaxPlan
from hw.ops.reciprocal import Logarithm
from hw.ops.row import row_layout
from hw.pipeline import Pipeline, held


def distance_bits(spec: SoftmaxSpec, bits: int) -> int:
    """Bits of a distance that codes of ``bits`` bits can tell apart; all ones gives zero."""
    return whole_bits(bits) + spec.distance_fraction_bits


def output_distance(spec: SoftmaxSpec) -> Shape:
    """A distance as P needs it."""
    return unsigned(distance_bits(spec, spec.output_bits))


def power_shape(spec: SoftmaxSpec, plan: SoftmaxPlan) -> Shape:
    """``log2`` of a sum of up to ``plan.longest`` terms, the largest being about 1."""
    return unsigned(spec.antilogarithm.fraction_bits + plan.index_bits.bit_length())


def clipped(value: Value, bits: int) -> Value:
    """The lowest ``bits`` bits of an unsigned value, all ones if they do not hold it."""
    return value[:bits] | value[bits:].any().replicate(bits)


class RowTerms(wiring.Component):
    """``distances = largest - x`` and ``power = log2(sum 2**-distance)`` of each row.

    Latency is one cycle and the stages of antilogarithm, tree and logarithm from a row's last beat
    to its power, none to its distances; throughput one beat per cycle, rows back to back.

    Members
    -------
    i : :py:`In(stream.Signature(masked_row_layout(signed(spec.score_bits), plan.lanes)))`
    largest : :py:`In(stream.Signature(signed(spec.score_bits)))`
        Of each row.
    distances : :py:`Out(stream.Signature(row_layout(output_distance(spec), plan.lanes)))`
        All ones where P is zero whatever the sum, as of elements that are not seen.
    power : :py:`Out(stream.Signature(power_shape(spec, plan)))`
        At least 0; 0 of a row that sees nothing.
    """

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan) -> None:
        self.spec, self.plan = spec, plan
        score = signed(spec.score_bits)
        super().__init__({
            "i": In(stream.Signature(masked_row_layout(score, plan.lanes))),
            "largest": In(stream.Signature(score)),
            "distances": Out(stream.Signature(row_layout(output_distance(spec), plan.lanes))),
            "power": Out(stream.Signature(power_shape(spec, plan))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        tree_stages = -(-(plan.lanes - 1).bit_length() // 2)
        stages = 1 + Antilogarithm.STAGES + tree_stages
        taken = stream.Signature(unsigned(1)).create()
        sums = stream.Signature(unsigned(1)).create()
        moves = Pipeline(m, taken, sums, stages).moves
        m.d.comb += [
            taken.valid.eq(self.i.valid & self.largest.valid & self.distances.ready),
            self.distances.valid.eq(self.i.valid & self.largest.valid & taken.ready),
            self.i.ready.eq(self.distances.valid & self.distances.ready),
            self.largest.ready.eq(self.i.ready & self.i.p.last),
            self.distances.p.last.eq(self.i.p.last),
        ]
        bits = distance_bits(spec, spec.term_bits)
        finer = spec.antilogarithm.fraction_bits - spec.distance_fraction_bits
        values: list[Value] = []
        for lane in range(plan.lanes):
            distance = Signal(bits, name=f"distance_{lane}")
            m.d.comb += distance.eq(self._distance(lane, bits))
            narrow = clipped(distance, len(self.distances.p.data[lane]))
            m.d.comb += self.distances.p.data[lane].eq(narrow)
            term = Antilogarithm(spec.antilogarithm, spec.term_bits, bits + finer)
            m.submodules[f"term_{lane}"] = term
            y = held(m, moves, f"held_{lane}", distance).shift_left(finer)
            m.d.comb += [term.enable.eq(moves), term.y.eq(y)]
            values.append(term.code)
        for stage in range(tree_stages):
            groups = [values[first : first + 4] for first in range(0, len(values), 4)]
            values = [
                held(m, moves, f"sum_{stage}_{place}", sum(group[1:], group[0]))
                for place, group in enumerate(groups)
            ]
        self._fold(m, sums, values[0], held(m, moves, "last", self.i.p.last, stages))
        return m

    def _distance(self, lane: int, bits: int) -> Value:
        """``round(largest - x)``; all ones if it is not seen."""
        dropped = self.spec.dropped_bits
        half = 1 << dropped >> 1
        # What is seen is not above the largest: the sign is that of nobody.
        difference = ((self.largest.payload + half) - self.i.p.data[lane])[dropped:-1]
        return clipped(difference, bits) | (~self.i.p.seen[lane]).replicate(bits)

    def _fold(self, m: Module, sums: Any, beat: Value, last: Value) -> None:
        """Add the beats of a row, then take the logarithm of the sum."""
        spec, plan = self.spec, self.plan
        total = Signal(spec.term_bits + plan.index_bits, reset_less=True)
        start = Signal(init=1)
        rows = stream.Signature(unsigned(1)).create()
        m.d.comb += sums.ready.eq(~rows.valid | rows.ready)
        with m.If(sums.ready):
            m.d.sync += rows.valid.eq(sums.valid & last)
            with m.If(sums.valid):
                m.d.sync += [total.eq(Mux(start, 0, total) + beat), start.eq(last)]
        m.submodules.logarithm = logarithm = Logarithm(spec.reciprocal, len(total))
        finer = spec.reciprocal.fraction_bits - spec.antilogarithm.fraction_bits
        power = (logarithm.power + (spec.power_offset + (1 << finer >> 1))) >> finer
        m.d.comb += [
            logarithm.enable.eq(Pipeline(m, rows, self.power, Logarithm.STAGES).moves),
            logarithm.n.eq(total),
            self.power.payload.eq(Mux(power < 0, 0, power)),
        ]
