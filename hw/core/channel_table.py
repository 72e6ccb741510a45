"""Multipliers and biases of the output channels, for each weight set."""

from typing import Any

from amaranth.hdl import Cat, Module, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.spec import CoreSpec, ceil_log2
from hw.core.layout import channels_layout, index_shape
from hw.core.plan import CorePlan


class ChannelTable(wiring.Component):
    """``o[lane] = table[set][group * requantizer_lanes + lane]``, read in the same cycle.

    Written by ``i``, one channel per cycle, always ready.

    Members
    -------
    i : :py:`In(stream.Signature(channels_layout(spec)))`
    set, group : what is read
    multipliers, biases : per lane
    """

    def __init__(self, spec: CoreSpec, plan: CorePlan) -> None:
        self.spec, self.plan = spec, plan
        lanes, numbers = plan.lanes(spec), spec.requantize
        super().__init__({
            "i": In(stream.Signature(channels_layout(spec))),
            "set": In(spec.macro.set_bits),
            "group": In(index_shape(plan.groups(spec))),
            "multipliers": Out(unsigned(numbers.multiplier_bits)).array(lanes),
            "biases": Out(signed(numbers.bias_bits)).array(lanes),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        lanes, groups = self.plan.lanes(self.spec), self.plan.groups(self.spec)
        numbers = self.spec.requantize
        entry = data.StructLayout({
            "multiplier": unsigned(numbers.multiplier_bits),
            "bias": signed(numbers.bias_bits),
        })
        row = data.ArrayLayout(entry, lanes)
        lane_bits, group_bits = ceil_log2(lanes), ceil_log2(groups)
        depth = self.spec.macro.weight_sets << group_bits
        m.submodules.table = table = Memory(shape=row, depth=depth, init=[])
        write, read = table.write_port(granularity=1), table.read_port(domain="comb")
        column = self.i.p.column
        m.d.comb += [
            self.i.ready.eq(1),
            write.addr.eq(Cat(column[lane_bits:][:group_bits], self.i.p.set)),
            read.addr.eq(Cat(self.group[:group_bits], self.set)),
        ]
        for lane in range(lanes):
            m.d.comb += [
                write.data[lane].multiplier.eq(self.i.p.multiplier),
                write.data[lane].bias.eq(self.i.p.bias),
                write.en[lane].eq(self.i.valid & (column[:lane_bits] == lane)),
                self.multipliers[lane].eq(read.data[lane].multiplier),
                self.biases[lane].eq(read.data[lane].bias),
            ]
        return m
