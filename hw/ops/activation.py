"""Functions by a table whose contents are loaded: GELU, ReLU, sigmoid, tanh, elu + 1."""

from typing import Any

from amaranth.hdl import Module, Shape, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.table_spec import TableSpec
from hw.ops.interpolate import position, segments
from hw.ops.plan import ActivationPlan
from hw.ops.row import row_layout
from hw.pipeline import Pipeline, held


def segment_layout(spec: TableSpec) -> data.StructLayout:
    """One segment of any function: its value at the lower end, and its rise to the upper end."""
    return data.StructLayout({
        "base": Shape(spec.output_bits, spec.output_signed),
        "rise": signed(spec.output_bits + 1),
    })


def table_layout(spec: TableSpec) -> data.StructLayout:
    """A segment and its number, that of the smallest input being 0."""
    return data.StructLayout({
        **segment_layout(spec).members,
        "index": unsigned(spec.index_bits),
    })


class Activation(wiring.Component):
    """``y = t[k] + round((t[k+1] - t[k]) * r / 2**remainder_bits)`` of each element of a row.

    ``k`` and ``r`` are the upper and lower bits of the input above the smallest one. The table is a
    memory per ``lanes_per_table`` lanes, with a read port for each of them; it holds
    ``spec.function`` at first, and whatever is loaded then, one segment per cycle into all tables,
    while no row is inside; a reset leaves it. Both ends of a segment are integers of the output's
    width.

    Latency is ``STAGES`` cycles, throughput one beat per cycle. The error is that of
    ``golden.ops.interpolate``.

    Parameters
    ----------
    spec : :class:`~golden.table_spec.TableSpec`
    plan : :class:`~hw.ops.plan.ActivationPlan`

    Members
    -------
    i : :py:`In(stream.Signature(row_layout(Shape(input_bits, input_signed), lanes)))`
    table : :py:`In(stream.Signature(table_layout(spec)))`
    o : :py:`Out(stream.Signature(row_layout(Shape(output_bits, output_signed), lanes)))`
    """

    STAGES = 3

    def __init__(self, spec: TableSpec, plan: ActivationPlan | None = None) -> None:
        self.spec = spec
        self.plan = ActivationPlan() if plan is None else plan
        lanes = self.plan.lanes
        x = Shape(spec.input_bits, spec.input_signed)
        y = Shape(spec.output_bits, spec.output_signed)
        super().__init__({
            "i": In(stream.Signature(row_layout(x, lanes))),
            "table": In(stream.Signature(table_layout(spec))),
            "o": Out(stream.Signature(row_layout(y, lanes))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, group = self.spec, self.plan.lanes_per_table
        moves = Pipeline(m, self.i, self.o, self.STAGES).moves
        m.d.comb += [
            self.table.ready.eq(1),
            self.o.p.last.eq(held(m, moves, "last", self.i.p.last, self.STAGES)),
        ]
        # The bits below the one that decides the rounding change nothing.
        drop = max(spec.remainder_bits - 1, 0)
        for first in range(0, self.plan.lanes, group):
            table = Memory(
                shape=segment_layout(spec), depth=1 << spec.index_bits, init=segments(spec)
            )
            m.submodules[f"table_{first}"] = table
            write = table.write_port()
            m.d.comb += [
                write.en.eq(self.table.valid),
                write.addr.eq(self.table.p.index),
                write.data.base.eq(self.table.p.base),
                write.data.rise.eq(self.table.p.rise),
            ]
            for lane in range(first, first + group):
                read = table.read_port()
                index, remainder = position(spec, self.i.p.data[lane])
                m.d.comb += [read.en.eq(moves), read.addr.eq(index)]
                remainder = held(m, moves, f"remainder_{lane}", remainder)
                product = (read.data.rise * remainder).shift_right(drop)
                rise = held(m, moves, f"rise_{lane}", product)
                base = held(m, moves, f"base_{lane}", read.data.base)
                y = base + (rise + 1).shift_right(1)
                m.d.comb += self.o.p.data[lane].eq(
                    held(m, moves, f"y_{lane}", y[: spec.output_bits])
                )
        return m
