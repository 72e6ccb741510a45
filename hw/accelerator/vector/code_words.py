"""Codes of a row as words, with or without the word that tells their scale."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import RowScaleSpec
from hw.accelerator.vector.decode import row_slots, settings_layout
from hw.accelerator.vector.plan import VectorPlan
from hw.ops.plan import QuantizeRowsPlan
from hw.ops.quantize_rows import QuantizeRows
from hw.ops.row import row_layout
from hw.stream import Queue

CODE_BITS = 8


class CodeWords(wiring.Component):
    """``o`` holds the codes of ``golden.ops.quantize``, or the low bits of each element if raw.

    Two words of elements make one of codes. A header goes to ``headers``, which takes it while
    codes go on, or to ``o`` before its row's codes if ``before``. Latency is one
    cycle more than that of ``hw.ops.quantize_rows``, throughput one word of elements per cycle.

    Members
    -------
    i : ``row_layout(signed(16), lanes)``
    settings, before : held while a row is inside
    o, headers : words of the buffer
    """

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        word = stream.Signature(unsigned(8 * plan.word_bytes))
        super().__init__({
            "i": In(stream.Signature(row_layout(signed(16), plan.lanes))),
            "settings": In(settings_layout(plan)),
            "before": In(1),
            "o": Out(word),
            "headers": Out(word),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan, flags, slots = self.plan, self.settings.flags, row_slots(self.settings)
        m.submodules.quantize = quantize = QuantizeRows(
            RowScaleSpec(), QuantizeRowsPlan(lanes=plan.lanes, longest=plan.longest)
        )
        half = data.StructLayout({"data": unsigned(CODE_BITS * plan.lanes), "last": unsigned(1)})
        codes = stream.Signature(half).create()
        m.d.comb += [
            quantize.settings.valid.eq(1),
            quantize.settings.p.static_scale.eq(slots.static_scale),
            quantize.settings.p.exponent_offset.eq(slots.code_offset),
            quantize.i.payload.eq(self.i.payload),
        ]
        with m.If(flags.raw):
            m.d.comb += [
                codes.valid.eq(self.i.valid),
                codes.p.data.eq(Cat(x[:CODE_BITS] for x in self.i.p.data)),
                codes.p.last.eq(self.i.p.last),
                self.i.ready.eq(codes.ready),
            ]
        with m.Else():
            m.d.comb += [
                quantize.i.valid.eq(self.i.valid),
                self.i.ready.eq(quantize.i.ready),
                codes.valid.eq(quantize.o.valid),
                codes.p.data.eq(Cat(quantize.o.p.data)),
                codes.p.last.eq(quantize.o.p.last),
                quantize.o.ready.eq(codes.ready),
            ]
        m.submodules.kept = kept = Queue(half, 2)
        m.submodules.scales = scales = Queue(quantize.scales.payload.shape(), 2)
        wiring.connect(m, quantize.scales, scales.i)
        m.d.comb += [
            kept.i.valid.eq(codes.valid),
            kept.i.payload.eq(codes.payload),
            codes.ready.eq(kept.i.ready),
        ]
        self._pack(m, kept.o, scales.o)
        return m

    def _pack(self, m: Module, codes: Any, scales: Any) -> None:
        """Two beats of codes to a word, the header before the first where it goes there."""
        header, before, early = self.settings.flags.header, self.before, Signal()
        first = Signal(CODE_BITS * self.plan.lanes, reset_less=True)
        half, told, now, whole = Signal(), Signal(), Signal(), Signal()
        empty = Const(0, len(first))
        m.d.comb += [
            now.eq(early & ~told),
            whole.eq(half | codes.p.last),
            self.headers.payload.eq(Cat(scales.p.mantissa, scales.p.exponent)),
            self.headers.valid.eq(scales.valid & header & ~before),
            self.o.valid.eq(Mux(now, scales.valid, codes.valid & whole)),
            self.o.payload.eq(Mux(half, Cat(first, codes.p.data), Cat(codes.p.data, empty))),
            # The first half of a word needs no port, so it does not wait for the header.
            codes.ready.eq(~whole | (self.o.ready & ~now)),
            # Without headers nobody waits for a scale.
            scales.ready.eq(~header | Mux(before, now & self.o.ready, self.headers.ready)),
        ]
        # A word comes several cycles after its instruction.
        m.d.sync += early.eq(header & before)
        with m.If(now):
            m.d.comb += self.o.payload.eq(self.headers.payload)
            with m.If(self.o.valid & self.o.ready):
                m.d.sync += told.eq(1)
        with m.If(codes.valid & codes.ready):
            m.d.sync += [half.eq(~whole), first.eq(codes.p.data)]
            with m.If(codes.p.last):
                m.d.sync += told.eq(0)
