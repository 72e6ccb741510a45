"""``2**-d`` by a straight line and a small table: no product."""

from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Value
from amaranth.lib.wiring import In, Out

from golden.table_spec import AntilogarithmSpec
from golden.tables import excess_table
from hw.pipeline import held
from hw.platform import Shared


def whole_bits(bits: int) -> int:
    """Bits of ``floor(d)`` that, all ones, are far enough for a code of zero."""
    return (bits + 1).bit_length()


def power_code(spec: AntilogarithmSpec, bits: int, y: Value) -> Value:
    """``round(2**(bits - d))``, a code of ``bits`` bits; see ``Antilogarithm``."""
    v = ~y[: spec.fraction_bits]
    excess = Array(int(entry) for entry in excess_table(spec))[v[spec.remainder_bits :]]
    mantissa = Cat((v - excess)[: spec.fraction_bits], 1)
    whole = y[spec.fraction_bits :]
    width = whole_bits(bits)
    shift = whole[:width] | whole[width:].any().replicate(width)
    # One bit below the code's last one decides how it is rounded.
    finer = Cat(Const(0, bits - spec.fraction_bits), mantissa) >> shift
    return (finer + 1)[1 : bits + 1]


class Antilogarithm(Shared):
    """``code = round(2**(bits - d))`` with ``d = (y + 1) * 2**-fraction_bits``.

    Between two powers of two the line ``1 + v`` less a table's entry; the integer part of ``d``
    shifts. Latency is ``STAGES`` enabled cycles, throughput one code in each.

    Members
    -------
    enable : all stages move
    y : unsigned, of ``input_bits`` bits
    code : unsigned, of ``bits >= spec.fraction_bits`` bits, ``STAGES`` stages later
    """

    STAGES = 1

    def __init__(self, spec: AntilogarithmSpec, bits: int, input_bits: int) -> None:
        self.spec, self.bits, self.input_bits = spec, bits, input_bits
        self.key = f"antilogarithm_f{spec.fraction_bits}i{input_bits}o{bits}"
        super().__init__({"enable": In(1), "y": In(input_bits), "code": Out(bits)})

    def body(self, platform: Any) -> Module:
        m = Module()
        code = power_code(self.spec, self.bits, self.y)
        m.d.comb += self.code.eq(held(m, self.enable, "code_held", code))
        return m
