"""Functions by tables of which several are resident; zeros behind a row's last element."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.vector.decode import counting_lanes, row_slots, settings_layout
from hw.accelerator.vector.plan import VectorPlan
from hw.accelerator.vector.table_lanes import INDEX_BITS, SHORT_BITS, TableLanes, segment_layout
from hw.ops.row import row_layout
from hw.pipeline import Pipeline, held


def loaded_layout() -> data.StructLayout:
    """A segment and its place among all of them."""
    return data.StructLayout({"segment": segment_layout(), "index": unsigned(INDEX_BITS)})


class Tables(wiring.Component):
    """``y`` is the value of a loaded function at x, or x without a table.

    As ``hw.ops.activation``, with tables of 256 segments or 1,024, which begin at any multiple of
    256. Behind a row's last element y is 0. Latency is ``STAGES`` cycles, throughput one beat per
    cycle.

    Members
    -------
    i, o : ``row_layout(signed(16), lanes)``
    settings : held while a row is inside
    segments : ``loaded_layout()``, always taken, while no row is inside
    """

    STAGES = TableLanes.STAGES + 1

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        row = stream.Signature(row_layout(signed(16), plan.lanes))
        super().__init__({
            "i": In(row),
            "settings": In(settings_layout(plan)),
            "segments": In(stream.Signature(loaded_layout())),
            "o": Out(row),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan, flags = self.plan, self.settings.flags
        moves = Pipeline(m, self.i, self.o, self.STAGES).moves
        last = Signal()
        counts = counting_lanes(plan, self.settings, last)
        m.d.comb += [
            self.segments.ready.eq(1),
            last.eq(held(m, moves, "last", self.i.p.last, TableLanes.STAGES)),
            self.o.p.last.eq(held(m, moves, "o_last", last)),
        ]
        group = min(plan.lanes_per_table, plan.lanes)
        for start in range(0, plan.lanes, group):
            m.submodules[f"table_{start}"] = table = TableLanes(plan.segments, group)
            m.d.comb += [
                table.enable.eq(moves),
                table.reads.eq(flags.table),
                table.long.eq(flags.long_table),
                table.first.eq(row_slots(self.settings).table << SHORT_BITS),
                table.writes.eq(self.segments.valid),
                table.index.eq(self.segments.p.index),
                table.segment.eq(self.segments.p.segment),
            ]
            for place in range(group):
                lane = start + place
                x = self.i.p.data[lane]
                plain = held(m, moves, f"plain_{lane}", x, TableLanes.STAGES)
                y = Mux(counts[lane], Mux(flags.table, table.y[place], plain), 0)
                m.d.comb += [
                    table.x[place].eq(x),
                    self.o.p.data[lane].eq(held(m, moves, f"y_{lane}", y)),
                ]
        return m
