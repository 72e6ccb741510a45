"""Keeps finished rows until the requantizer takes them, a few columns at a time."""

from typing import Any

from amaranth.hdl import Array, Cat, Module, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.spec import CoreSpec, ceil_log2
from hw.core.layout import index_shape, mark_layout, rows_signature
from hw.core.plan import CorePlan


def group_layout(spec: CoreSpec, plan: CorePlan) -> data.StructLayout:
    """Sums of ``requantizer_lanes`` columns; ``last`` of the row, ``release`` of the channels."""
    total = signed(spec.requantize.accumulator_bits)
    return data.StructLayout({
        "sums": data.ArrayLayout(total, plan.lanes(spec)),
        "group": index_shape(plan.groups(spec)),
        "row": unsigned(spec.row_bits),
        "set": unsigned(spec.macro.set_bits),
        "last": unsigned(1),
        "release": unsigned(1),
    })


class RowQueue(wiring.Component):
    """Gives each row as ``columns / requantizer_lanes`` groups, the rows of a vector in order.

    Latency is one cycle; throughput one group per cycle. ``plan.row_depth`` vectors fit.

    Members
    -------
    i : :py:`In(rows_signature(spec, plan, accumulator_bits))`
    o : :py:`Out(stream.Signature(group_layout(spec, plan)))`
    """

    def __init__(self, spec: CoreSpec, plan: CorePlan) -> None:
        self.spec, self.plan = spec, plan
        super().__init__({
            "i": In(rows_signature(spec, plan, spec.requantize.accumulator_bits)),
            "o": Out(stream.Signature(group_layout(spec, plan))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        depth, tokens, lanes = plan.row_depth, plan.macro.tokens, plan.lanes(spec)
        groups = plan.groups(spec)
        total = signed(spec.requantize.accumulator_bits)
        newest, oldest = Signal(range(depth)), Signal(range(depth))
        level = Signal(range(depth + 1))
        group, token = Signal(range(groups)), Signal(range(tokens))
        pushed, moved, popped = Signal(), Signal(), Signal()
        row_ends, vector_ends = group == groups - 1, token == tokens - 1
        m.d.comb += [
            self.i.ready.eq(level != depth),
            self.o.valid.eq(level != 0),
            pushed.eq(self.i.valid & self.i.ready),
            moved.eq(self.o.valid & self.o.ready),
            popped.eq(moved & row_ends & vector_ends),
        ]
        m.d.sync += level.eq(level + pushed - popped)
        for pointer, moves in ((newest, pushed), (oldest, popped)):
            with m.If(moves):
                m.d.sync += pointer.eq(pointer + 1)
                with m.If(pointer == depth - 1):
                    m.d.sync += pointer.eq(0)
        with m.If(moved):
            m.d.sync += group.eq(group + 1)
            with m.If(row_ends):
                m.d.sync += [group.eq(0), token.eq(token + 1)]
                with m.If(vector_ends):
                    m.d.sync += token.eq(0)

        def kept(name: str, shape: Any, value: Any) -> Any:
            m.submodules[name] = memory = Memory(shape=shape, depth=depth, init=[])
            write, read = memory.write_port(), memory.read_port(domain="comb")
            m.d.comb += [
                write.addr.eq(newest),
                write.data.eq(value),
                write.en.eq(pushed),
                read.addr.eq(oldest),
            ]
            return read.data

        mark = kept("marks", mark_layout(spec), self.i.mark)
        sums = [
            kept(f"sums_{t}_{c}", total, self.i.sums[t][c])
            for t in range(tokens)
            for c in range(spec.columns)
        ]
        place = Signal(range(tokens * groups))
        m.d.comb += place.eq(token * groups + group)
        for lane in range(lanes):
            m.d.comb += self.o.p.sums[lane].eq(Array(sums[lane::lanes])[place])
        drop = ceil_log2(tokens)
        m.d.comb += [
            self.o.p.group.eq(group),
            self.o.p.row.eq(Cat(token[:drop], mark.row[drop:])),
            self.o.p.set.eq(mark.set),
            self.o.p.last.eq(row_ends),
            self.o.p.release.eq(mark.release & row_ends & vector_ends),
        ]
        return m
