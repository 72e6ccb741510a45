"""The requantizer: accumulators to narrow codes, rounded once."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import RequantizeSpec


def operand_layout(spec: RequantizeSpec, lanes: int, tag_bits: int) -> data.StructLayout:
    """``lanes`` accumulators of one row with their channels' numbers, and the row's scale."""
    return data.StructLayout({
        "accumulator": data.ArrayLayout(signed(spec.accumulator_bits), lanes),
        "multiplier": data.ArrayLayout(unsigned(spec.multiplier_bits), lanes),
        "bias": data.ArrayLayout(signed(spec.bias_bits), lanes),
        "mantissa": unsigned(spec.mantissa_bits),
        "exponent": signed(spec.exponent_bits),
        "tag": unsigned(tag_bits),
    })


def result_layout(spec: RequantizeSpec, lanes: int, tag_bits: int) -> data.StructLayout:
    """``lanes`` codes and the tag that came with their accumulators."""
    return data.StructLayout({
        "data": data.ArrayLayout(signed(spec.output_bits), lanes),
        "tag": unsigned(tag_bits),
    })


class Requantizer(wiring.Component):
    """``o = saturate(floor(a * m * s * 2**(e - shift) + b * 2**-F + 1/2))``, F fraction bits.

    Latency is ``STAGES`` cycles, throughput ``lanes`` codes per cycle. The product is cut at the
    bias's own fraction before the bias is added, which rounds nothing, and clipped to one bit more
    than both the bias and the codes have, which changes no code: beyond it the code saturates.

    Parameters
    ----------
    spec : :class:`~golden.spec.RequantizeSpec`
    lanes : columns of a row that are rescaled at once
    tag_bits : width of what travels beside them

    Members
    -------
    i : :py:`In(stream.Signature(operand_layout(spec, lanes, tag_bits)))`
    o : :py:`Out(stream.Signature(result_layout(spec, lanes, tag_bits)))`
    """

    STAGES = 5

    def __init__(self, spec: RequantizeSpec, *, lanes: int = 1, tag_bits: int = 0) -> None:
        self.spec, self.lanes, self.tag_bits = spec, lanes, tag_bits
        super().__init__({
            "i": In(stream.Signature(operand_layout(spec, lanes, tag_bits))),
            "o": Out(stream.Signature(result_layout(spec, lanes, tag_bits))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        moves = Signal()
        m.d.comb += [moves.eq(~self.o.valid | self.o.ready), self.i.ready.eq(moves)]
        valid: Value = self.i.valid
        tag: Value = self.i.p.tag
        # Largest exponent less this one: its complement, seen as unsigned with an offset.
        exponent = self.i.p.exponent
        distance: Value = Cat(~exponent[:-1], exponent[-1])
        for stage in range(1, self.STAGES + 1):
            valid_next = Signal(name=f"valid_{stage}")
            tag_next = Signal(self.tag_bits, name=f"tag_{stage}")
            with m.If(moves):
                m.d.sync += [valid_next.eq(valid), tag_next.eq(tag)]
            valid, tag = valid_next, tag_next
            if stage <= 3:
                distance_next = Signal(self.spec.exponent_bits, name=f"distance_{stage}")
                with m.If(moves):
                    m.d.sync += distance_next.eq(distance)
                distance = distance_next
        m.d.comb += [self.o.valid.eq(valid), self.o.p.tag.eq(tag)]
        for lane in range(self.lanes):
            m.d.comb += self.o.p.data[lane].eq(self._lane(m, lane, moves, distance))
        return m

    def _lane(self, m: Module, lane: int, moves: Value, distance: Value) -> Value:
        spec = self.spec

        def register(name: str, value: Value) -> Value:
            held = Signal(value.shape(), name=f"{name}_{lane}")
            with m.If(moves):
                m.d.sync += held.eq(value)
            return held

        # 1: the scale of the row's channel.
        scale = register("scale", self.i.p.multiplier[lane] * self.i.p.mantissa)
        accumulator = register("accumulator", self.i.p.accumulator[lane])
        bias = register("bias_1", self.i.p.bias[lane])
        # 2: two half products.
        half = len(scale) // 2
        low = register("low", accumulator * scale[:half])
        high = register("high", accumulator * scale[half:])
        bias = register("bias_2", bias)
        # 3: their sum, less the bits that no exponent needs.
        upper = high + (low >> half)
        product = Cat(low[:half], upper)[: spec.product_bits]
        drop = spec.shift - spec.bias_fraction_bits - spec.exponent_range[1]
        product = register("product", product[min(drop, spec.product_bits - 1) :].as_signed())
        bias = register("bias_3", bias)
        # 4: shifted by the row's exponent and clipped.
        clip_bits = max(spec.bias_bits, spec.output_bits + spec.bias_fraction_bits) + 1
        shifted = clipped(m, f"clip_{lane}", product >> distance, clip_bits)
        shifted = register("shifted", shifted)
        bias = register("bias_4", bias)
        # 5: bias, rounding, saturation.
        total = shifted + bias + Const((1 << spec.bias_fraction_bits) >> 1)
        rounded = total.shift_right(spec.bias_fraction_bits)
        return register("code", clipped(m, f"saturate_{lane}", rounded, spec.output_bits))


def clipped(m: Module, name: str, value: Value, bits: int) -> Value:
    """Saturate the signed ``value`` to ``bits`` bits."""
    if len(value) <= bits:
        return value
    whole = Signal(signed(len(value)), name=name)
    m.d.comb += whole.eq(value)
    sign, above = whole[-1], whole[bits - 1 : -1]
    overflows = Mux(sign, ~above.all(), above.any())
    limit = Cat((~sign).replicate(bits - 1), sign)
    return Mux(overflows, limit, whole[:bits]).as_signed()
