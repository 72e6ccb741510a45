"""Signed multipliers and biases of the columns of a row, loadable, read a beat ahead."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.spec import RequantizeSpec


def channel_layout(spec: RequantizeSpec, channel_bits: int) -> data.StructLayout:
    """Numbers of one column: ``multiplier`` is signed, up to the spec's bits in magnitude."""
    return data.StructLayout({
        "multiplier": signed(spec.multiplier_bits + 1),
        "bias": signed(spec.bias_bits),
        "channel": unsigned(max(1, channel_bits)),
    })


class ChannelNumbers(wiring.Component):
    """``o[lane]`` holds the numbers of column ``group * lanes + lane``, one cycle after ``group``.

    Written by ``i``, one column per cycle, always ready: whoever loads waits until the rows that
    use the old numbers have left. ``lanes`` is a power of two.

    Members
    -------
    i : :py:`In(stream.Signature(channel_layout(spec, channel_bits)))`
    group : which columns to read
    multipliers, negatives, biases : per lane; magnitude and sign of the multiplier
    """

    def __init__(self, spec: RequantizeSpec, lanes: int, groups: int) -> None:
        self.spec, self.lanes, self.groups = spec, lanes, groups
        channel_bits = (lanes * groups - 1).bit_length()
        super().__init__({
            "i": In(stream.Signature(channel_layout(spec, channel_bits))),
            "group": In(range(groups)),
            "multipliers": Out(unsigned(spec.multiplier_bits)).array(lanes),
            "negatives": Out(unsigned(1)).array(lanes),
            "biases": Out(signed(spec.bias_bits)).array(lanes),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, lanes = self.spec, self.lanes
        entry = data.StructLayout({
            "multiplier": unsigned(spec.multiplier_bits),
            "negative": unsigned(1),
            "bias": signed(spec.bias_bits),
        })
        shape = data.ArrayLayout(entry, lanes)
        m.submodules.table = table = Memory(shape=shape, depth=self.groups, init=[])
        write, read = table.write_port(granularity=1), table.read_port()
        lane_bits = (lanes - 1).bit_length()
        channel, multiplier = self.i.p.channel, self.i.p.multiplier
        loaded = Signal(entry)
        m.d.comb += [
            self.i.ready.eq(1),
            loaded.negative.eq(multiplier < 0),
            loaded.multiplier.eq(Mux(multiplier < 0, -multiplier, multiplier)),
            loaded.bias.eq(self.i.p.bias),
            write.addr.eq(channel[lane_bits:]),
            read.addr.eq(self.group),
        ]
        for lane in range(lanes):
            m.d.comb += [
                write.data[lane].eq(loaded),
                write.en[lane].eq(self.i.valid & (channel[:lane_bits] == lane)),
                self.multipliers[lane].eq(read.data[lane].multiplier),
                self.negatives[lane].eq(read.data[lane].negative),
                self.biases[lane].eq(read.data[lane].bias),
            ]
        return m
