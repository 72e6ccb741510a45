"""The engine's array: the same columns multiply queries by keys and probabilities by values."""

from typing import Any

from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from hw.engine.column import EngineColumn
from hw.engine.layout import command_layout, input_layout, operand_layout
from hw.engine.plan import EnginePlan
from hw.engine.products import Drive


def cell_write_layout(spec: AttentionSpec, plan: EnginePlan) -> data.StructLayout:
    """A beat of a key or of a value on its way into the cells.

    value
        0: all lanes of column ``place``; 1: lane ``lane`` of the columns of part ``place``.
    """
    return data.StructLayout({
        "valid": unsigned(1),
        "value": unsigned(1),
        "place": unsigned(max(1, (spec.key_block - 1).bit_length())),
        "lane": unsigned(plan.column(spec).lane_bits),
        "set": unsigned(plan.column(spec).set_bits),
        "data": operand_layout(plan),
    })


class Array(wiring.Component):
    """``key_block`` columns of ``lanes`` products; a sum of several parts stays in its column.

    A query's part is broadcast to all keys, which are the columns; a part of a row of
    probabilities is broadcast to the columns of the values. So a key is written along a column
    and a value across the columns, both as they come: nothing is transposed. Latency is one cycle.

    Members
    -------
    valid, command, x : what to multiply now: a query's codes, or with ``command.context``
        probabilities
    addend : old context of each column
    write : a beat for the cells
    o : sums, from the cycle after a command to the next command
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        sums = data.ArrayLayout(signed(plan.context_bits(spec)), spec.key_block)
        super().__init__({
            "valid": In(1),
            "command": In(command_layout(spec, plan)),
            "x": In(input_layout(spec, plan)),
            "addend": In(sums),
            "write": In(cell_write_layout(spec, plan)),
            "o": Out(sums),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        m.submodules.drive = drive = Drive(spec, plan)
        m.d.comb += [drive.signed.eq(~self.command.context), drive.x.eq(self.x)]
        one_lane = Signal(plan.lanes)
        m.d.comb += one_lane.eq(1 << self.write.lane)
        for index in range(spec.key_block):
            m.submodules[f"column_{index}"] = column = EngineColumn(spec, plan)
            m.d.comb += [
                column.enable.eq(self.valid),
                column.adds.eq(~self.command.first),
                column.addend.eq(self.addend[index]),
                column.set.eq(self.command.set),
                column.drive.eq(drive.o),
                column.write_set.eq(self.write.set),
                self.o[index].eq(column.o),
            ]
            with m.If(self.write.value):
                byte = self.write.data[index % plan.lanes]
                m.d.comb += column.write_data.eq(byte.replicate(plan.lanes))
                with m.If(self.write.valid & (self.write.place == index // plan.lanes)):
                    m.d.comb += column.write.eq(one_lane)
            with m.Else():
                m.d.comb += column.write_data.eq(self.write.data)
                with m.If(self.write.valid & (self.write.place == index)):
                    m.d.comb += column.write.eq((1 << plan.lanes) - 1)
        return m
