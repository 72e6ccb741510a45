"""Functions by tables of which several are resident; zeros behind a row's last element."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.accelerator.vector.decode import counting_lanes, row_slots, settings_layout
from hw.accelerator.vector.plan import VectorPlan
from hw.ops.row import row_layout
from hw.pipeline import Pipeline, held

REMAINDER_BITS = 8
LONG_BITS = 2
"""Bits that the position within a segment of a long table is shorter by."""


def segment_layout() -> data.StructLayout:
    """One segment: its value at the lower end, and its rise to the upper end."""
    return data.StructLayout({"base": signed(16), "rise": signed(17)})


def loaded_layout() -> data.StructLayout:
    """A segment and its place among all of them."""
    return data.StructLayout({**segment_layout().members, "index": unsigned(12)})


class Tables(wiring.Component):
    """``y = t[k] + round((t[k+1] - t[k]) * r / 2**remainder_bits)``, or ``y = x`` without a table.

    As ``hw.ops.activation``, with tables of 256 segments or 1,024, which begin at any multiple of
    256. Behind a row's last element y is 0. Latency is ``STAGES`` cycles, throughput one word per
    cycle.

    Members
    -------
    i, o : ``row_layout(signed(16), lanes)``
    settings : held while a row is inside
    segments : ``loaded_layout()``, always taken, while no row is inside
    """

    STAGES = 3

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
        first = row_slots(self.settings).table << REMAINDER_BITS
        last = Signal()
        counts = counting_lanes(self.settings, last)
        m.d.comb += [
            self.segments.ready.eq(1),
            last.eq(held(m, moves, "last", self.i.p.last, self.STAGES - 1)),
            self.o.p.last.eq(held(m, moves, "o_last", last)),
        ]
        for start in range(0, plan.lanes, plan.lanes_per_table):
            m.submodules[f"table_{start}"] = table = Memory(
                shape=segment_layout(), depth=plan.segments, init=[]
            )
            write = table.write_port()
            m.d.comb += [
                write.en.eq(self.segments.valid),
                write.addr.eq(self.segments.p.index),
                write.data.base.eq(self.segments.p.base),
                write.data.rise.eq(self.segments.p.rise),
            ]
            for lane in range(start, start + plan.lanes_per_table):
                read, x = table.read_port(), self.i.p.data[lane]
                above = Cat(x[:-1], ~x[-1])
                index = Mux(flags.long_table, above[REMAINDER_BITS - LONG_BITS :], above[8:])
                remainder = Mux(
                    flags.long_table, above[: REMAINDER_BITS - LONG_BITS] << LONG_BITS, above[:8]
                )
                remainder = held(m, moves, f"remainder_{lane}", remainder[:REMAINDER_BITS])
                # The bits below the one that decides the rounding change nothing.
                product = (read.data.rise * remainder).shift_right(REMAINDER_BITS - 1)
                rise = held(m, moves, f"rise_{lane}", product)
                base = held(m, moves, f"base_{lane}", read.data.base)
                plain = held(m, moves, f"plain_{lane}", x, self.STAGES - 1)
                y = Mux(flags.table, base + (rise + 1).shift_right(1), plain)
                y = Mux(counts[lane], y, 0)
                m.d.comb += [
                    read.en.eq(moves & flags.table),
                    read.addr.eq(first + index),
                    self.o.p.data[lane].eq(held(m, moves, f"y_{lane}", y[:16])),
                ]
        return m
