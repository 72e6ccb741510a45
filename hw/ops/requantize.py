"""The requantizer: accumulators to narrow codes, rounded once."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import RequantizeSpec
from hw.ops.long_product import long_product
from hw.ops.rounding import narrowed, saturated, shift_step, shift_steps
from hw.pipeline import held
from hw.platform import Shared


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

    Latency is ``STAGES`` cycles, throughput ``lanes`` codes per cycle.

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

    STAGES = 6

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
        distance: Value = Cat(~self.i.p.exponent[:-1], self.i.p.exponent[-1])
        for stage in range(1, self.STAGES + 1):
            valid_next = Signal(name=f"valid_{stage}")
            tag_next = Signal(self.tag_bits, name=f"tag_{stage}")
            with m.If(moves):
                m.d.sync += [valid_next.eq(valid), tag_next.eq(tag)]
            valid, tag = valid_next, tag_next
            if stage <= RequantizerLane.DISTANCE_STAGE:
                distance_next = Signal(self.spec.exponent_bits, name=f"distance_{stage}")
                with m.If(moves):
                    m.d.sync += distance_next.eq(distance)
                distance = distance_next
        m.d.comb += [self.o.valid.eq(valid), self.o.p.tag.eq(tag)]
        for index in range(self.lanes):
            m.submodules[f"lane_{index}"] = lane = RequantizerLane(self.spec)
            m.d.comb += [
                lane.enable.eq(moves),
                lane.accumulator.eq(self.i.p.accumulator[index]),
                lane.multiplier.eq(self.i.p.multiplier[index]),
                lane.bias.eq(self.i.p.bias[index]),
                lane.mantissa.eq(self.i.p.mantissa),
                lane.distance.eq(distance),
                self.o.p.data[index].eq(lane.code),
            ]
        return m


class RequantizerLane(Shared):
    """Rescales one column: the arithmetic of ``Requantizer``, in six stages that move together.

    The product is cut at the bias's own fraction before the bias is added, which rounds nothing,
    and to one bit more than both the bias and the codes have: beyond it the code saturates,
    whatever the bias.

    Members
    -------
    enable : all stages move
    accumulator, multiplier, bias, mantissa : operands of the first stage
    distance : largest exponent less the row's, ``DISTANCE_STAGE`` stages after the other operands
    code : result, six stages after them
    """

    DISTANCE_STAGE = 3

    def __init__(self, spec: RequantizeSpec) -> None:
        self.spec = spec
        self.key = f"requantizer_lane_{requantize_key(spec)}"
        super().__init__({
            "enable": In(1),
            "accumulator": In(signed(spec.accumulator_bits)),
            "multiplier": In(spec.multiplier_bits),
            "bias": In(signed(spec.bias_bits)),
            "mantissa": In(spec.mantissa_bits),
            "distance": In(spec.exponent_bits),
            "code": Out(signed(spec.output_bits)),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        spec, enable = self.spec, self.enable
        # 1: the scale of the row's channel; rounding is half up, so the bias carries the half.
        scale = held(m, enable, "scale", self.multiplier * self.mantissa)
        accumulator = held(m, enable, "accumulator_1", self.accumulator)
        bias = held(m, enable, "bias_1", self.bias + Const((1 << spec.bias_fraction_bits) >> 1))
        bias = held(m, enable, "bias_later", bias, 3)
        # 2 and 3: the product, less the bits that no exponent needs.
        drop = spec.shift - spec.bias_fraction_bits - spec.exponent_range[1]
        product = long_product(m, enable, "product", accumulator, scale)[: spec.product_bits]
        product = product[min(drop, spec.product_bits - 1) :].as_signed()
        # 4: shifted by the row's exponent, all but its last bits.
        bits = max(spec.bias_bits, spec.output_bits + spec.bias_fraction_bits) + 1
        *firsts, final = shift_steps(self.distance)
        shifted, beyond, above = product, Const(0, 1), spec.exponent_bits
        for places, low in firsts:
            shifted, over = narrowed(shifted, above, bits)
            shifted, beyond, above = shift_step(shifted, places, low), beyond | over, low
        shifted = held(m, enable, "shifted", shifted)
        beyond = held(m, enable, "beyond_4", beyond)
        negative = held(m, enable, "negative", product[-1], 2)
        # 5: by those, and the bias.
        places, low = final
        shifted, over = narrowed(shifted, above, bits)
        beyond |= over
        shifted = shift_step(shifted, held(m, enable, "places", places), low)
        shifted, over = narrowed(shifted, low, bits)
        total = held(m, enable, "total", shifted + bias)
        beyond = held(m, enable, "beyond_5", beyond | over)
        # 6: saturation.
        rounded = total.shift_right(spec.bias_fraction_bits)
        code = saturated(rounded, spec.output_bits, beyond, negative)
        m.d.comb += self.code.eq(held(m, enable, "code_6", code))
        return m


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


def requantize_key(spec: RequantizeSpec) -> str:
    """Short Verilog-safe name of a requantizer's spec."""
    return (
        f"a{spec.accumulator_bits}m{spec.multiplier_bits}s{spec.mantissa_bits}e{spec.exponent_bits}"
        f"b{spec.bias_bits}f{spec.bias_fraction_bits}h{spec.shift}o{spec.output_bits}"
    )
