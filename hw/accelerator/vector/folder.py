"""Folds the rows of a window into one: column sums or maxima."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import COUNT_BITS
from hw.accelerator.vector.combiner import wide_row_layout
from hw.accelerator.vector.decode import is_opcode, settings_layout
from hw.accelerator.vector.fields import Opcode
from hw.accelerator.vector.plan import VectorPlan


class Folder(wiring.Component):
    """``o[d] = sum(i[n, d])`` or the largest of them, n up to a word with ``done``.

    With reduce the words of one column after the other come in, so that one word is all that is
    kept; otherwise ``o`` is ``i``. Latency is one cycle, throughput one word per cycle.

    Members
    -------
    i, o : ``wide_row_layout(lanes)``
    settings : held while a row is inside
    """

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        row = stream.Signature(wide_row_layout(plan.lanes))
        super().__init__({
            "i": In(row),
            "settings": In(settings_layout(plan)),
            "o": Out(row),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        settings, i, o = self.settings, self.i, self.o
        folds, start, last_place = Signal(), Signal(init=1), Signal()
        place = Signal(COUNT_BITS)
        m.d.comb += [
            folds.eq(is_opcode(settings, Opcode.REDUCE)),
            last_place.eq(place == settings.words - 1),
            i.ready.eq(~o.valid | o.ready),
        ]
        with m.If(i.ready):
            m.d.sync += o.valid.eq(i.valid & (~folds | i.p.done))
        with m.If(i.valid & i.ready):
            m.d.sync += [
                start.eq(~folds | i.p.done),
                o.p.last.eq(Mux(folds, last_place, i.p.last)),
                o.p.done.eq(i.p.done),
            ]
            with m.If(folds & i.p.done):
                m.d.sync += place.eq(Mux(last_place, 0, place + 1))
            for x, y in zip(i.p.data, o.p.data, strict=True):
                larger = Mux(x > y, x, y)
                joined = Mux(settings.flags.maximum, larger, x + y)
                m.d.sync += y.eq(Mux(start, x, joined))
        return m
