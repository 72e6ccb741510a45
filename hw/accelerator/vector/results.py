"""What is written of a row as words of 16-bit elements, or as its largest ones."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import TopKSpec
from hw.accelerator.vector.collector import Collector
from hw.accelerator.vector.decode import counting_lanes, row_slots, settings_layout
from hw.accelerator.vector.plan import VectorPlan
from hw.accelerator.vector.single import Single
from hw.ops.max_finder import MaxFinder
from hw.ops.row import row_layout
from hw.ops.top_k import TopK
from hw.stream import Buffer

INDEX_BITS = 16


class Results(wiring.Component):
    """``o`` is a row's words, or a word for its largest element, or one for each of the k largest.

    Latency is none for words, that of ``hw.ops.top_k``, or a cycle more than that of
    ``hw.ops.max_finder``; throughput one beat per cycle, of top k one element.

    Members
    -------
    i : ``row_layout(signed(16), lanes)``
    settings : held while a row is inside
    o : words of the buffer
    busy : ranks are under way that nobody asked for
    """

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        super().__init__({
            "i": In(stream.Signature(row_layout(signed(16), plan.lanes))),
            "settings": In(settings_layout(plan)),
            "o": Out(stream.Signature(unsigned(8 * plan.word_bytes))),
            "busy": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan, flags, i = self.plan, self.settings.flags, self.i
        m.submodules.finder = finder = MaxFinder(16, plan.max_finder, INDEX_BITS)
        m.submodules.seen = seen = Buffer(finder.i.payload.shape())
        wiring.connect(m, seen.o, finder.i)
        m.d.comb += [
            seen.i.p.data.eq(i.p.data),
            seen.i.p.seen.eq(Cat(counting_lanes(plan, self.settings, i.p.last))),
            seen.i.p.last.eq(i.p.last),
        ]
        m.submodules.words = words = Collector(16 * plan.lanes, plan.beats)
        m.d.comb += [words.i.p.data.eq(Value.cast(i.p.data)), words.i.p.last.eq(i.p.last)]
        # A word comes several cycles after its instruction.
        argmax = Signal()
        m.d.sync += argmax.eq(flags.argmax)
        with m.If(argmax):
            m.d.comb += [
                seen.i.valid.eq(i.valid),
                i.ready.eq(seen.i.ready),
                self.o.valid.eq(finder.o.valid),
                self.o.payload.eq(_result(finder.o.p)),
                finder.o.ready.eq(self.o.ready),
            ]
        with m.Elif(flags.top_k):
            if plan.ranks:
                self._rank(m)
        with m.Else():
            m.d.comb += [
                words.i.valid.eq(i.valid),
                i.ready.eq(words.i.ready),
                self.o.valid.eq(words.o.valid),
                self.o.payload.eq(words.o.p.data),
                words.o.ready.eq(self.o.ready),
            ]
        return m

    def _rank(self, m: Module) -> None:
        plan, i = self.plan, self.i
        m.submodules.single = single = Single(plan.lanes)
        m.submodules.top_k = top_k = TopK(TopKSpec(k=plan.ranks), plan.top_k)
        rank, asked = Signal(range(plan.ranks + 1)), Signal()
        ranked = top_k.o
        wiring.connect(m, single.o, top_k.i)
        m.d.comb += [
            single.i.valid.eq(i.valid),
            single.i.p.data.eq(i.p.data),
            single.i.p.seen.eq(Cat(counting_lanes(plan, self.settings, i.p.last))),
            single.i.p.last.eq(i.p.last),
            i.ready.eq(single.i.ready),
            asked.eq(rank < row_slots(self.settings).ranks),
            self.o.valid.eq(ranked.valid & asked),
            self.o.payload.eq(_result(ranked.p)),
            ranked.ready.eq(self.o.ready | ~asked),
            self.busy.eq(ranked.valid),
        ]
        with m.If(ranked.valid & ranked.ready):
            m.d.sync += rank.eq(Mux(ranked.p.last, 0, rank + 1))


def _result(found: Any) -> Value:
    """Index in bits 0 to 31, value in bits 32 to 63."""
    return Cat(found.index, Const(0, 32 - INDEX_BITS), found.value, found.value[-1].replicate(16))
