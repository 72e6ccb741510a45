"""Softmax by division: what ``Softmax`` is compared with, at the same rate."""

from typing import Any

from amaranth.hdl import Cat, Module, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import SoftmaxSpec
from hw.ops.antilogarithm import Antilogarithm
from hw.ops.divider import Divider
from hw.ops.plan import SoftmaxPlan
from hw.ops.reciprocal import normalised
from hw.ops.row import row_layout
from hw.ops.row_power import total_shape
from hw.ops.row_reduction import RowReduction
from hw.ops.softmax import Softmax, code_row_layout
from hw.pipeline import Pipeline, held


class SoftmaxDivider(Softmax):
    """``P = term * (unit / sum)``: one pipelined divider for the rows, one product per element.

    Ports, throughput and rows without a seen element as ``Softmax``; the buffer between the passes
    holds terms instead of distances.
    """

    @staticmethod
    def latency(spec: SoftmaxSpec, plan: SoftmaxPlan) -> int:
        """Cycles from a row's first score to its first code, less twice the beats of the row."""
        passes = plan.max_finder.stages + Antilogarithm.STAGES + RowReduction.latency(plan.lanes)
        return 4 + passes + Divider.stages(spec.output_bits + 2) + Scale.STAGES

    def normalise(self, m: Module, distances: Any) -> None:
        """Join the second and the third pass to the distances, as terms."""
        spec, plan = self.spec, self.plan
        m.submodules.terms = terms = Terms(spec, plan, distances.payload.shape())
        wiring.connect(m, distances, terms.i)
        dropped = spec.term_bits - spec.kept_bits

        def cut(term: Value) -> Value:
            return ~((term.as_unsigned() + (1 << dropped >> 1)) >> dropped)

        second, third = RowReciprocal(spec, plan), Scale(spec, plan)
        self.join_passes(m, terms.o, unsigned(spec.kept_bits), cut, second, third)


class Terms(wiring.Component):
    """Terms of the sum of a row; latency one cycle, throughput one beat per cycle."""

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan, shape: data.StructLayout) -> None:
        self.spec, self.plan = spec, plan
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(row_layout(signed(spec.term_bits), plan.lanes))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec = self.spec
        moves = Pipeline(m, self.i, self.o, Antilogarithm.STAGES).moves
        last = held(m, moves, "last", self.i.p.last, Antilogarithm.STAGES)
        m.d.comb += self.o.p.last.eq(last)
        finer = spec.antilogarithm.fraction_bits - spec.distance_fraction_bits
        for lane, distance in enumerate(self.i.p.data):
            y = distance.shift_left(finer)
            term = Antilogarithm(spec.antilogarithm, spec.term_bits, len(y))
            m.submodules[f"term_{lane}"] = term
            m.d.comb += [
                term.enable.eq(moves),
                term.y.eq(y),
                self.o.p.data[lane].eq(term.code),
            ]
        return m


class TermSum(RowReduction):
    """``total = sum(term)`` of each row, the terms unsigned; see ``RowReduction``."""

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan) -> None:
        result = data.StructLayout({"total": total_shape(spec, plan)})
        super().__init__(spec.term_bits, plan.lanes, result)

    def term(self, name: str, x: Value) -> Value:
        """The term itself."""
        return x.as_unsigned()

    def join(self, name: str, first: Value, second: Value) -> Value:
        """The sum of both."""
        return first + second


def reciprocal_layout(spec: SoftmaxSpec, plan: SoftmaxPlan) -> data.StructLayout:
    """``unit / sum``: a mantissa, and the exponent of the sum above the smallest one."""
    return data.StructLayout({
        "mantissa": unsigned(spec.output_bits + 2),
        "exponent": unsigned(plan.index_bits.bit_length()),
    })


class RowReciprocal(wiring.Component):
    """``mantissa = round(unit * 2**(2 + e) / sum)`` with ``e = floor(log2(sum))``, per row."""

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan) -> None:
        self.spec, self.plan = spec, plan
        super().__init__({
            "i": In(stream.Signature(row_layout(signed(spec.term_bits), plan.lanes))),
            "o": Out(stream.Signature(reciprocal_layout(spec, plan))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec = self.spec
        m.submodules.sums = sums = TermSum(spec, self.plan)
        wiring.connect(m, wiring.flipped(self.i), sums.i)
        total = sums.o.p.total
        bits, quotient_bits = len(total), spec.output_bits + 2
        stages = Divider.stages(quotient_bits)
        moves = Pipeline(m, sums.o, self.o, 2 + stages).moves
        shifted, places = normalised(m, moves, total)
        numerator = spec.unit << (2 + bits - 1)
        m.submodules.divider = divider = Divider(numerator, bits, quotient_bits)
        exponent = (self.plan.index_bits - places)[: len(self.o.p.exponent)]
        m.d.comb += [
            divider.enable.eq(moves),
            divider.n.eq(held(m, moves, "shifted", shifted)),
            self.o.p.mantissa.eq(divider.quotient),
            self.o.p.exponent.eq(held(m, moves, "exponent", exponent, 1 + stages)),
        ]
        return m


class Scale(wiring.Component):
    """``code = round(term * mantissa * 2**-(shift + exponent))`` of every element of a row.

    Terms come inverted, so that what a beat lacks is zero. Latency is ``STAGES`` cycles, throughput
    one beat per cycle.
    """

    STAGES = 2

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan) -> None:
        self.spec, self.plan = spec, plan
        kept = row_layout(unsigned(spec.kept_bits), plan.output_lanes)
        super().__init__({
            "i": In(stream.Signature(kept)),
            "total": In(stream.Signature(reciprocal_layout(spec, plan))),
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
        exponent = held(m, moves, "exponent", self.total.p.exponent)
        for lane, inverted in enumerate(self.i.p.data):
            product = held(m, moves, f"product_{lane}", ~inverted * self.total.p.mantissa)
            # The smallest sum has the exponent term_bits - 1.
            finer = Cat(product)[spec.kept_bits :] >> exponent
            rounded = (finer + 1)[1 : spec.output_bits + 1]
            m.d.comb += self.o.p.data[lane].eq(held(m, moves, f"code_{lane}", rounded))
        return m
