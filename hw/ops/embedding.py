"""Rows of a loadable table, by token or by position."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.ops.plan import LanesPlan, TableShape
from hw.ops.row import latest
from hw.pipeline import Pipeline, held


def settings_layout(spec: TableShape, plan: LanesPlan) -> data.StructLayout:
    """The table that was loaded: its rows, and the beats of each."""
    return data.StructLayout({
        "rows": unsigned(spec.rows.bit_length()),
        "beats": unsigned(spec.beats(plan).bit_length()),
    })


def table_layout(spec: TableShape, plan: LanesPlan) -> data.StructLayout:
    """Consecutive elements of one row; ``beat`` counts from its start."""
    return data.StructLayout({
        "data": data.ArrayLayout(signed(spec.bits), plan.lanes),
        "row": unsigned(max(1, (spec.rows - 1).bit_length())),
        "beat": unsigned(max(1, (spec.beats(plan) - 1).bit_length())),
    })


def output_layout(spec: TableShape, plan: LanesPlan) -> data.StructLayout:
    """A beat of a row; ``error`` tells that the table has no such row."""
    return data.StructLayout({
        "data": data.ArrayLayout(signed(spec.bits), plan.lanes),
        "last": unsigned(1),
        "error": unsigned(1),
    })


class Embedding(wiring.Component):
    """Row ``id`` of the table for each id, as ``golden.ops.embedding`` and ``position``; exact.

    An id that the table does not have, which golden refuses, gives a row of zeros with ``error`` on
    each of its beats. Latency is ``STAGES`` cycles from an id to its first beat, throughput one
    beat per cycle, rows back to back. Table and settings are loaded while no row is inside.

    Parameters
    ----------
    spec : :class:`~hw.ops.plan.TableShape`
    plan : :class:`~hw.ops.plan.LanesPlan`
    id_bits : width of an id

    Members
    -------
    ids : one ``id`` of ``id_bits`` bits a beat, which is taken with the last beat of its row
    settings : :py:`In(stream.Signature(settings_layout(plan)))`
    table : :py:`In(stream.Signature(table_layout(plan)))`
    o : :py:`Out(stream.Signature(output_layout(plan)))`
    """

    STAGES = 2

    def __init__(
        self, spec: TableShape, plan: LanesPlan | None = None, *, id_bits: int = 16
    ) -> None:
        self.spec = spec
        self.plan = plan = LanesPlan() if plan is None else plan
        super().__init__({
            "ids": In(stream.Signature(data.StructLayout({"id": unsigned(id_bits)}))),
            "settings": In(stream.Signature(settings_layout(spec, plan))),
            "table": In(stream.Signature(table_layout(spec, plan))),
            "o": Out(stream.Signature(output_layout(spec, plan))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, beats = self.spec, self.spec.beats(self.plan)
        settings = latest(m, self.settings)
        m.submodules.memory = memory = Memory(
            shape=self.o.p.data.shape(), depth=spec.rows * beats, init=[]
        )
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            self.table.ready.eq(1),
            write.en.eq(self.table.valid),
            write.addr.eq(self.table.p.row * beats + self.table.p.beat),
            write.data.eq(self.table.p.data),
        ]

        # An id stays until the last beat of its row has been asked for.
        asked = stream.Signature(unsigned(0)).create()
        moves = Pipeline(m, asked, self.o, self.STAGES).moves
        beat = Signal(range(beats))
        last = beat == settings.beats - 1
        row = self.ids.p.id
        error = row >= settings.rows
        m.d.comb += [
            asked.valid.eq(self.ids.valid),
            self.ids.ready.eq(asked.ready & last),
        ]
        with m.If(asked.valid & asked.ready):
            m.d.sync += beat.eq(Mux(last, 0, beat + 1))
        address = row[: len(self.table.p.row)] * beats + beat
        error = held(m, moves, "error", error, self.STAGES)
        m.d.comb += [
            read.en.eq(moves),
            read.addr.eq(held(m, moves, "address", address[: len(read.addr)])),
            self.o.p.last.eq(held(m, moves, "last", last, self.STAGES)),
            self.o.p.error.eq(error),
        ]
        for lane in range(self.plan.lanes):
            m.d.comb += self.o.p.data[lane].eq(Mux(error, 0, read.data[lane]))
        return m
