"""Keeps rows until their mean and spread are known: the first pass of the norms."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.relay import Relay
from hw.accelerator.vector.plan import VectorPlan
from hw.ops.row import row_layout
from hw.ops.row_buffer import RowBuffer
from hw.ops.row_moments import RowMoments, moments_layout, settings_layout
from hw.ops.row_moments import length_bits as row_length_bits
from hw.ops.row_sums import RowSums
from hw.stream import Buffer


def measured_layout(plan: VectorPlan) -> data.StructLayout:
    """A word of a row beside the row's moments."""
    return data.StructLayout({
        "data": data.ArrayLayout(signed(16), plan.lanes),
        "last": unsigned(1),
        "moments": moments_layout(plan.norm),
    })


class Statistics(wiring.Component):
    """``o`` is ``i`` beside ``mean`` and ``1 / sqrt(sum((x - mean)**2) + epsilon)`` of its row.

    A row's word leaves ``latency`` cycles after the row's last word came; throughput one word per
    cycle for rows of at least ``(RowMoments.cycles + 1) / plan.units`` words, less below.

    Members
    -------
    i : ``row_layout(signed(16), lanes)``
    settings : ``hw.ops.row_moments.settings_layout``, held while a row is inside
    o : ``measured_layout(plan)``
    """

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        super().__init__({
            "i": In(stream.Signature(row_layout(signed(16), plan.lanes))),
            "settings": In(settings_layout(plan.norm)),
            "o": Out(stream.Signature(measured_layout(plan))),
        })

    @staticmethod
    def latency(plan: VectorPlan) -> int:
        """Cycles from a row's last word to its first one with moments."""
        return RowSums.latency(plan.lanes) + RowMoments.cycles(plan.norm) + 1

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self.plan
        m.submodules.sums = sums = RowSums(16, plan.lanes, row_length_bits(plan.norm))
        # A row must fit, and what follows it until its moments are known.
        m.submodules.rows = rows = RowBuffer(
            self.i.payload.shape(), plan.groups + self.latency(plan)
        )
        m.submodules.kept = kept = Relay(self.i.payload.shape())
        m.submodules.moments = moments = Buffer(moments_layout(plan.norm))
        wiring.connect(m, rows.o, kept.i)
        m.d.comb += [
            self.i.ready.eq(rows.i.ready & sums.i.ready),
            rows.i.valid.eq(self.i.valid & sums.i.ready),
            rows.i.payload.eq(self.i.payload),
            sums.i.valid.eq(self.i.valid & rows.i.ready),
            sums.i.payload.eq(self.i.payload),
            # A row is in its buffer before its moments are known.
            self.o.valid.eq(moments.o.valid),
            self.o.p.data.eq(kept.o.p.data),
            self.o.p.last.eq(kept.o.p.last),
            self.o.p.moments.eq(moments.o.payload),
            kept.o.ready.eq(self.o.ready & moments.o.valid),
            moments.o.ready.eq(self.o.ready & kept.o.p.last),
        ]
        self._share(m, sums.o, moments.i)
        return m

    def _share(self, m: Module, sums: Any, moments: Any) -> None:
        """Give rows to the units in turn, and take their moments in the same order."""
        units = self.plan.units
        enters, leaves = Signal(range(units)), Signal(range(units))
        for pointer, moves in (
            (enters, sums.valid & sums.ready),
            (leaves, moments.valid & moments.ready),
        ):
            with m.If(moves):
                m.d.sync += pointer.eq(Mux(pointer == units - 1, 0, pointer + 1))
        for place in range(units):
            m.submodules[f"unit_{place}"] = unit = RowMoments(self.plan.norm)
            m.d.comb += [unit.settings.eq(self.settings), unit.i.payload.eq(sums.payload)]
            with m.If(enters == place):
                m.d.comb += [unit.i.valid.eq(sums.valid), sums.ready.eq(unit.i.ready)]
            with m.If(leaves == place):
                m.d.comb += [
                    moments.valid.eq(unit.o.valid),
                    moments.payload.eq(unit.o.payload),
                    unit.o.ready.eq(moments.ready),
                ]
