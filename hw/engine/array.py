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
from hw.engine.rescale import ALWAYS
from hw.pipeline import delayed, held


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
    and a value across the columns, both as they come: nothing is transposed. Latency is ``STAGES``
    cycles: inputs are decoded, multiplied and summed. The cells are read in the second one.

    Members
    -------
    valid, command, x : what to multiply now: a query's codes, or with ``command.context``
        probabilities
    addend : old context of each column, ``ADDEND_STAGE`` cycles after the command
    write : a beat for the cells, which have it two cycles later
    o : sums, ``STAGES`` cycles after a command, until those of the next command
    """

    STAGES = 3
    ADDEND_STAGE = 2

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
        lines = Signal.like(drive.o, reset_less=True)
        m.d.sync += lines.eq(drive.o)
        cell_set = held(m, ALWAYS, "cell_set", self.command.set)
        enable = delayed(m, "enable", self.valid, self.ADDEND_STAGE)
        adds = held(m, ALWAYS, "adds", ~self.command.first, self.ADDEND_STAGE)
        write, one_lane = Signal.like(self.write, reset_less=True), Signal(plan.lanes)
        writes = delayed(m, "writes", self.write.valid, 1)
        m.d.sync += write.eq(self.write)
        m.d.comb += one_lane.eq(1 << write.lane)
        for index in range(spec.key_block):
            m.submodules[f"column_{index}"] = column = EngineColumn(spec, plan)
            m.d.comb += [
                column.enable.eq(enable),
                column.adds.eq(adds),
                column.addend.eq(self.addend[index]),
                column.set.eq(cell_set),
                column.drive.eq(lines),
                column.write_set.eq(write.set),
                self.o[index].eq(column.o),
            ]
            with m.If(write.value):
                byte = write.data[index % plan.lanes]
                m.d.comb += column.write_data.eq(byte.replicate(plan.lanes))
                with m.If(writes & (write.place == index // plan.lanes)):
                    m.d.comb += column.write.eq(one_lane)
            with m.Else():
                m.d.comb += column.write_data.eq(write.data)
                with m.If(writes & (write.place == index)):
                    m.d.comb += column.write.eq((1 << plan.lanes) - 1)
        return m
