"""Softmax of rows of which the first elements are seen."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import SoftmaxSpec
from hw.accelerator.layout import COUNT_BITS
from hw.accelerator.vector.combiner import wide_row_layout
from hw.accelerator.vector.decode import settings_layout
from hw.accelerator.vector.plan import VectorPlan
from hw.ops.row import row_layout
from hw.ops.softmax import Softmax


class RowSoftmax(wiring.Component):
    """``hw.ops.softmax`` of each row's elements; causal rows see one element more than the last.

    Members
    -------
    i : ``wide_row_layout(lanes)``
    settings : held while a row is inside
    restart : the next row is the first
    o : ``row_layout(signed(16), lanes)``
    """

    def __init__(self, spec: SoftmaxSpec, plan: VectorPlan) -> None:
        self.spec, self.plan = spec, plan
        super().__init__({
            "i": In(stream.Signature(wide_row_layout(plan.lanes))),
            "settings": In(settings_layout(plan)),
            "restart": In(1),
            "o": Out(stream.Signature(row_layout(signed(16), plan.lanes))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        lanes, settings = self.plan.lanes, self.settings
        m.submodules.softmax = softmax = Softmax(self.spec, self.plan.softmax_plan)
        place, row = Signal(COUNT_BITS), Signal(COUNT_BITS)
        # Elements that are seen from this word on, negative where the row saw all of them before.
        seen = Signal(signed(COUNT_BITS + 2))
        hidden = Mux(settings.flags.causal, settings.rows - 1 - row, 0)
        m.d.comb += [
            seen.eq(settings.elements - hidden - place),
            softmax.i.valid.eq(self.i.valid),
            softmax.i.p.data.eq(Cat(x[:16] for x in self.i.p.data)),
            softmax.i.p.seen.eq(Cat(seen > lane for lane in range(lanes))),
            softmax.i.p.last.eq(self.i.p.last),
            self.i.ready.eq(softmax.i.ready),
            softmax.largest.ready.eq(1),
            self.o.valid.eq(softmax.o.valid),
            self.o.p.last.eq(softmax.o.p.last),
            softmax.o.ready.eq(self.o.ready),
            *(y.eq(code) for y, code in zip(self.o.p.data, softmax.o.p.data, strict=True)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += place.eq(Mux(self.i.p.last, 0, place + lanes))
            with m.If(self.i.p.last):
                m.d.sync += row.eq(row + 1)
        with m.If(self.restart):
            m.d.sync += row.eq(0)
        return m
