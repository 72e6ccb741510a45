"""Codes for the operand of a product, row by row, and what one code of a row is worth."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.spec import RowScaleSpec
from golden.tables import reciprocal_table
from hw.ops.plan import QuantizeRowsPlan
from hw.ops.reciprocal import normalised
from hw.ops.rounding import narrowed, saturated, shift_step, shift_steps
from hw.ops.row import latest, row_layout, scale_layout
from hw.ops.row_buffer import RowBuffer
from hw.ops.row_largest import RowLargest
from hw.pipeline import Pipeline, held
from hw.stream import Buffer, Fork, Queue

SCALE_STAGES = 3
CODE_STAGES = 3


def settings_layout(spec: RowScaleSpec) -> data.StructLayout:
    """What all rows of a tensor share: ``static_scale`` is 0 where each row has its own scale."""
    return data.StructLayout({
        "static_scale": unsigned(spec.input_bits),
        "exponent_offset": signed(spec.exponent_bits + 1),
    })


class QuantizeRows(wiring.Component):
    """``codes = round(x * code_limit / m)`` with the row's scale ``m * 2**offset``.

    ``m`` is the row's largest magnitude rounded up to ``index_bits`` significant bits, or the
    static scale that was loaded (``spec.static_scale`` is not read). As ``golden.ops.quantize``.
    A row waits in a buffer for its largest magnitude, whose reciprocal a table gives.

    Latency is ``latency_of`` cycles from a row's last beat to its first codes, ``CODE_STAGES`` less
    to its scale; throughput one beat per cycle for rows of one length, up to ``plan.longest``.
    Codes may run one row ahead of the scales that are taken. Settings are loaded while no row is
    inside.

    Parameters
    ----------
    spec : :class:`~golden.spec.RowScaleSpec`
    plan : :class:`~hw.ops.plan.QuantizeRowsPlan`

    Members
    -------
    i : :py:`In(stream.Signature(row_layout(signed(input_bits), lanes)))`
    settings : :py:`In(stream.Signature(settings_layout(spec)))`
    o : :py:`Out(stream.Signature(row_layout(signed(output_bits), lanes)))`
    scales : :py:`Out(stream.Signature(scale_layout(mantissa_bits, exponent_bits)))`, one per row
    """

    def __init__(self, spec: RowScaleSpec, plan: QuantizeRowsPlan | None = None) -> None:
        self.spec = spec
        self.plan = QuantizeRowsPlan() if plan is None else plan
        lanes = self.plan.lanes
        super().__init__({
            "i": In(stream.Signature(row_layout(signed(spec.input_bits), lanes))),
            "settings": In(stream.Signature(settings_layout(spec))),
            "o": Out(stream.Signature(row_layout(signed(spec.output_bits), lanes))),
            "scales": Out(stream.Signature(scale_layout(spec.mantissa_bits, spec.exponent_bits))),
        })

    @staticmethod
    def latency_of(plan: QuantizeRowsPlan) -> int:
        """Cycles from a row's last beat to its first codes, if no row before it is in the way."""
        return RowLargest.latency(plan.lanes) + 1 + SCALE_STAGES + 1 + CODE_STAGES

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, lanes = self.spec, self.plan.lanes
        m.submodules.largest = largest = RowLargest(spec.input_bits, lanes)
        # A row must fit, and what follows it until its scale is known.
        depth = self.plan.beats + self.latency_of(self.plan) - CODE_STAGES
        m.submodules.buffer = buffer = RowBuffer(self.i.payload.shape(), depth)
        m.d.comb += [
            self.i.ready.eq(buffer.i.ready & largest.i.ready),
            buffer.i.valid.eq(self.i.valid & largest.i.ready),
            buffer.i.payload.eq(self.i.payload),
            largest.i.valid.eq(self.i.valid & buffer.i.ready),
            largest.i.payload.eq(self.i.payload),
        ]
        settings = latest(m, self.settings)

        known = data.StructLayout({
            "factor": unsigned(spec.mantissa_bits),
            "shift": unsigned(_length_bits(spec)),
            "scale": self.scales.payload.shape(),
        })
        m.submodules.fork = fork = Fork(known, 2)
        m.submodules.found = found = Queue(largest.o.payload.shape(), 2)
        m.submodules.row = row = Buffer(self.i.payload.shape())
        m.submodules.factor = factor = Queue(known, 2)
        static = settings.static_scale
        m.d.comb += [
            found.i.valid.eq(largest.o.valid),
            found.i.p.largest.eq(Mux(static.any(), static, largest.o.p.largest)),
            largest.o.ready.eq(found.i.ready),
        ]
        wiring.connect(m, buffer.o, row.i)
        m.submodules.scale = scale = Buffer(self.scales.payload.shape())
        self._scale(m, settings, found.o, fork.i)
        wiring.connect(m, fork.o[0], factor.i)
        wiring.connect(m, scale.o, wiring.flipped(self.scales))
        m.d.comb += [
            scale.i.valid.eq(fork.o[1].valid),
            scale.i.payload.eq(fork.o[1].p.scale),
            fork.o[1].ready.eq(scale.i.ready),
        ]
        self._codes(m, row.o, factor.o)
        return m

    def _scale(self, m: Module, settings: Any, largest: Any, o: Any) -> None:
        """Normalise the largest magnitude, then read its reciprocal."""
        spec = self.spec
        moves = Pipeline(m, largest, o, SCALE_STAGES).moves
        magnitude = largest.p.largest
        # With a power of two of bits, zero is shifted as far as one: their scales are the same.
        bits = 1 << _length_bits(spec)
        shifted, zeros = normalised(m, moves, Cat(magnitude, Const(0, bits - spec.input_bits)))
        upper = held(m, moves, "upper", shifted[bits - spec.index_bits :])
        more = held(m, moves, "more", shifted[: bits - spec.index_bits].any())
        # Bits below the leading one.
        length = held(m, moves, "length", ~zeros)

        index = Signal(spec.index_bits + 1)
        m.d.comb += index.eq(upper + more)
        entries = [int(entry) for entry in reciprocal_table(spec)]
        m.submodules.table = table = Memory(
            shape=unsigned(spec.mantissa_bits), depth=len(entries), init=entries
        )
        read = table.read_port(domain="comb")
        carry = index[-1]
        m.d.comb += read.addr.eq(Cat(index[: spec.index_bits - 1], carry))
        significant = Cat(index[: spec.index_bits - 1], 1)
        exponent = length + carry + settings.exponent_offset - (spec.mantissa_bits - 1)
        scale = Cat(
            Const(0, spec.mantissa_bits - spec.index_bits),
            significant,
            exponent[: spec.exponent_bits],
        )
        m.d.comb += [
            o.p.factor.eq(held(m, moves, "factor", read.data)),
            o.p.shift.eq(held(m, moves, "shift", length)),
            o.p.scale.eq(held(m, moves, "scale", scale)),
        ]

    def _codes(self, m: Module, row: Any, factor: Any) -> None:
        """Multiply, shift, round and clip, once row and factor are there."""
        spec = self.spec
        joined = stream.Signature(unsigned(1)).create()
        moves = Pipeline(m, joined, self.o, CODE_STAGES).moves
        last = row.p.last
        # A row is in its buffer before its factor is known.
        m.d.comb += [
            joined.valid.eq(factor.valid),
            row.ready.eq(joined.ready & factor.valid),
            factor.ready.eq(joined.ready & last),
            self.o.p.last.eq(held(m, moves, "last", last, CODE_STAGES)),
        ]
        shift = held(m, moves, "code_shift", factor.p.shift)
        # Of what is shifted one bit decides the rounding.
        bits = spec.output_bits + 1
        # Bits that no row needs, but for the one that decides how the smallest is rounded.
        drop = spec.mantissa_bits - spec.output_bits
        for lane, x in enumerate(row.p.data):
            product = held(m, moves, f"product_{lane}", x * factor.p.factor)
            shifted = product.shift_right(drop) if drop >= 0 else product << -drop
            beyond: Value = Const(0, 1)
            for places, low in shift_steps(shift):
                shifted, over = narrowed(shift_step(shifted, places, low), low, bits)
                beyond |= over
            shifted = held(m, moves, f"shifted_{lane}", shifted)
            beyond = held(m, moves, f"beyond_{lane}", beyond)
            negative = held(m, moves, f"negative_{lane}", product[-1])
            rounded = (shifted + 1).shift_right(1)
            code = saturated(rounded, spec.output_bits, beyond, negative)
            m.d.comb += self.o.p.data[lane].eq(
                held(m, moves, f"code_{lane}", symmetric(code, spec.output_bits))
            )


def _length_bits(spec: RowScaleSpec) -> int:
    """Width of the number of bits below a magnitude's leading one."""
    return (max(spec.input_bits, spec.index_bits) - 1).bit_length()


def symmetric(code: Value, bits: int) -> Value:
    """``code``, its smallest integer raised to the negative of its largest."""
    lowest = code[bits - 1] & ~code[: bits - 1].any()
    return Cat(code[0] | lowest, code[1:bits]).as_signed()
