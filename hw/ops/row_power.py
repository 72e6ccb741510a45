"""The logarithm of the sum of the powers of a row's distances."""

from typing import Any

from amaranth.hdl import Module, Mux, Shape, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import SoftmaxSpec
from hw.ops.antilogarithm import power_code
from hw.ops.plan import SoftmaxPlan
from hw.ops.reciprocal import Logarithm
from hw.ops.row import row_layout
from hw.ops.row_distances import distance_shape
from hw.ops.row_reduction import RowReduction
from hw.pipeline import Pipeline


def power_shape(spec: SoftmaxSpec, plan: SoftmaxPlan) -> Shape:
    """``log2`` of a sum of up to ``plan.longest`` terms, the largest being about 1."""
    return unsigned(spec.antilogarithm.fraction_bits + plan.index_bits.bit_length())


def total_shape(spec: SoftmaxSpec, plan: SoftmaxPlan) -> Shape:
    """The sum of a row's terms."""
    return unsigned(spec.term_bits + plan.index_bits)


class PowerSum(RowReduction):
    """``total = sum(round(2**(term_bits - distance)))`` of each row; see ``RowReduction``."""

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan) -> None:
        self.spec = spec
        bits = distance_shape(spec, spec.term_bits).width
        result = data.StructLayout({"total": total_shape(spec, plan)})
        super().__init__(bits, plan.lanes, result)

    def term(self, name: str, x: Value) -> Value:
        """The power of a distance."""
        spec = self.spec
        finer = spec.antilogarithm.fraction_bits - spec.distance_fraction_bits
        y = x.as_unsigned().shift_left(finer)
        return power_code(spec.antilogarithm, spec.term_bits, y)

    def join(self, name: str, first: Value, second: Value) -> Value:
        """The sum of both."""
        return first + second


class RowPower(wiring.Component):
    """``power = log2(sum 2**-distance)`` of each row, at least 0; 0 of a row that sees nothing.

    Latency is that of ``RowReduction`` and ``Logarithm.STAGES`` cycles from a row's last beat,
    throughput one beat per cycle, rows back to back.

    Members
    -------
    i : :py:`In(stream.Signature(row_layout(distance_shape(spec, spec.term_bits), plan.lanes)))`
    o : :py:`Out(stream.Signature(power_shape(spec, plan)))`, one per row
    """

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan) -> None:
        self.spec, self.plan = spec, plan
        distances = row_layout(distance_shape(spec, spec.term_bits), plan.lanes)
        super().__init__({
            "i": In(stream.Signature(distances)),
            "o": Out(stream.Signature(power_shape(spec, plan))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec = self.spec
        m.submodules.sums = sums = PowerSum(spec, self.plan)
        total = sums.o.p.total
        m.submodules.logarithm = logarithm = Logarithm(spec.reciprocal, len(total))
        finer = spec.reciprocal.fraction_bits - spec.antilogarithm.fraction_bits
        power = (logarithm.power + (spec.power_offset + (1 << finer >> 1))) >> finer
        m.d.comb += [
            Value.cast(sums.i.payload).eq(Value.cast(self.i.payload)),
            sums.i.valid.eq(self.i.valid),
            self.i.ready.eq(sums.i.ready),
            logarithm.enable.eq(Pipeline(m, sums.o, self.o, Logarithm.STAGES).moves),
            logarithm.n.eq(total),
            self.o.payload.eq(Mux(power < 0, 0, power)),
        ]
        return m
