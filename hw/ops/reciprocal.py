"""``log2(n)`` and ``1 / n = 2**-log2(n)`` as a row scale, without a divider."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, ValueLike, signed
from amaranth.lib.wiring import In, Out

from golden.table_spec import ReciprocalSpec
from hw.ops.interpolate import Interpolation
from hw.pipeline import held
from hw.platform import Shared


def normalised(m: Module, enable: ValueLike, n: Value) -> tuple[Value, Value]:
    """``n`` shifted left until its top bit is set, and by how many places; of 0 by the most.

    One enabled cycle later: the longer shifts are made before it.
    """
    places = max(1, (len(n) - 1).bit_length())
    shifts: Value = Const(0, 0)
    for place in reversed(range(places)):
        count = 1 << place
        moves = Signal(name=f"moves_{count}")
        m.d.comb += moves.eq(~n[-count:].any())
        n = Mux(moves, (n << count)[: len(n)], n)
        shifts = Cat(moves, shifts)
        if place == min((places + 1) // 2, places - 1):
            n = held(m, enable, "far", n)
            shifts = held(m, enable, "far_places", shifts)
    return n, shifts


class Logarithm(Shared):
    """``log2(n)`` with ``fraction_bits`` fraction bits, of ``n >= 1``; that of 0 is 0.

    Latency is ``STAGES`` enabled cycles, throughput one value in each.

    Members
    -------
    enable : all stages move
    n : unsigned, of ``input_bits`` bits
    power : the logarithm, unsigned
    """

    STAGES = 2 + Interpolation.STAGES

    def __init__(self, spec: ReciprocalSpec, input_bits: int) -> None:
        self.spec, self.input_bits = spec, input_bits
        self.key = f"logarithm_n{input_bits}f{spec.fraction_bits}x{spec.index_bits}"
        super().__init__({
            "enable": In(1),
            "n": In(input_bits),
            "power": Out(spec.fraction_bits + input_bits.bit_length()),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        bits, fraction_bits = self.input_bits, self.spec.fraction_bits
        shifted, places = normalised(m, self.enable, self.n)
        some = held(m, self.enable, "some", self.n.any())
        # What follows the leading one, cut to fraction_bits bits; zeros need no register.
        after = held(m, self.enable, "after", shifted[:-1][-fraction_bits:])
        after = Cat(Const(0, fraction_bits - len(after)), after)
        exponent = Mux(some, bits - 1 - places, 0)[: bits.bit_length()]
        m.submodules.line = line = Interpolation(self.spec.logarithm)
        m.d.comb += [
            line.enable.eq(self.enable),
            line.x.eq(after),
        ]
        exponent = held(m, self.enable, "exponent", exponent, 1 + Interpolation.STAGES)
        m.d.comb += self.power.eq((exponent << fraction_bits) + line.y)
        return m


class Reciprocal(Shared):
    """Row scale ``mantissa * 2**exponent = 1 / n``; the mantissa of 1 / 0 is 0.

    Latency is ``STAGES`` enabled cycles, throughput one scale in each.

    Members
    -------
    enable : all stages move
    n : unsigned, of ``input_bits`` bits
    mantissa, exponent : the row scale
    """

    STAGES = Logarithm.STAGES + Interpolation.STAGES

    def __init__(self, spec: ReciprocalSpec, input_bits: int) -> None:
        self.spec, self.input_bits = spec, input_bits
        self.key = (
            f"reciprocal_n{input_bits}f{spec.fraction_bits}x{spec.index_bits}m{spec.mantissa_bits}"
        )
        lowest = input_bits + spec.mantissa_bits
        super().__init__({
            "enable": In(1),
            "n": In(input_bits),
            "mantissa": Out(spec.mantissa_bits),
            "exponent": Out(signed(lowest.bit_length() + 1)),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        spec = self.spec
        m.submodules.logarithm = logarithm = Logarithm(spec, self.input_bits)
        m.submodules.line = line = Interpolation(spec.power)
        whole = logarithm.power[spec.fraction_bits :]
        whole = held(m, self.enable, "whole", whole, Interpolation.STAGES)
        some = held(m, self.enable, "some", self.n.any(), self.STAGES)
        m.d.comb += [
            logarithm.enable.eq(self.enable),
            logarithm.n.eq(self.n),
            line.enable.eq(self.enable),
            line.x.eq(logarithm.power[: spec.fraction_bits]),
            self.mantissa.eq(Mux(some, line.y, 0)),
            self.exponent.eq(-spec.mantissa_bits - whole.as_unsigned()),
        ]
        return m
