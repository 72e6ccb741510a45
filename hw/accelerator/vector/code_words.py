"""Codes of a row as words, with or without the word that tells their scale."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import RowScaleSpec
from hw.accelerator.relay import Relay
from hw.accelerator.vector.collector import Collector, part_layout
from hw.accelerator.vector.decode import row_slots, settings_layout
from hw.accelerator.vector.plan import VectorPlan
from hw.ops.plan import QuantizeRowsPlan
from hw.ops.quantize_rows import QuantizeRows
from hw.ops.row import row_layout

CODE_BITS = 8


class CodeWords(wiring.Component):
    """``o`` holds the codes of ``golden.ops.quantize``, or the low bits of each element if raw.

    A header goes to ``headers``, which takes it while codes go on, or to ``o`` before its row's
    codes if ``before``. Latency is one cycle more than that of ``hw.ops.quantize_rows``, throughput
    one beat per cycle.

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
        beat = part_layout(CODE_BITS * plan.lanes)
        codes = stream.Signature(beat).create()
        m.d.comb += [
            quantize.settings.valid.eq(1),
            quantize.settings.p.static_scale.eq(slots.static_scale),
            quantize.settings.p.exponent_offset.eq(slots.code_offset),
            quantize.i.payload.eq(self.i.payload),
        ]
        # A word comes several cycles after its instruction.
        raw = Signal()
        m.d.sync += raw.eq(flags.raw)
        with m.If(raw):
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
        m.submodules.kept = kept = Relay(beat)
        m.submodules.scales = scales = Relay(quantize.scales.payload.shape())
        wiring.connect(m, quantize.scales, scales.i)
        m.d.comb += [
            kept.i.valid.eq(codes.valid),
            kept.i.payload.eq(codes.payload),
            codes.ready.eq(kept.i.ready),
        ]
        m.submodules.words = words = Collector(
            CODE_BITS * plan.lanes, plan.word_bytes // plan.lanes
        )
        wiring.connect(m, kept.o, words.i)
        self._head(m, words.o, scales.o)
        return m

    def _head(self, m: Module, words: Any, scales: Any) -> None:
        """The words of a row, the header before the first where it goes there."""
        header, before, early = self.settings.flags.header, self.before, Signal()
        told, now = Signal(), Signal()
        m.d.comb += [
            now.eq(early & ~told),
            self.headers.payload.eq(Cat(scales.p.mantissa, scales.p.exponent)),
            self.headers.valid.eq(scales.valid & header & ~before),
            self.o.valid.eq(Mux(now, scales.valid, words.valid)),
            self.o.payload.eq(words.p.data),
            words.ready.eq(self.o.ready & ~now),
            # Without headers nobody waits for a scale.
            scales.ready.eq(~header | Mux(before, now & self.o.ready, self.headers.ready)),
        ]
        # A word comes several cycles after its instruction.
        m.d.sync += early.eq(header & before)
        with m.If(now):
            m.d.comb += self.o.payload.eq(self.headers.payload)
            with m.If(self.o.valid & self.o.ready):
                m.d.sync += told.eq(1)
        with m.If(words.valid & words.ready & words.p.last):
            m.d.sync += told.eq(0)
