"""A copy of the tables for a few lanes."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, signed
from amaranth.lib import data
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.ops.interpolate import line
from hw.pipeline import held
from hw.platform import Shared

INDEX_BITS = 12
SHORT_BITS = 8
LONG_BITS = 10
"""Bits of an element that choose a segment of a table of 256 or of 1,024."""


def segment_layout() -> data.StructLayout:
    """One segment: its value at the lower end, and its rise to the upper end."""
    return data.StructLayout({"base": signed(16), "rise": signed(17)})


class TableLanes(Shared):
    """``y = t[k] + round((t[k+1] - t[k]) * r / 2**remainder_bits)`` of ``lanes`` elements.

    ``k`` and ``r`` are the upper and lower bits of the input above the smallest one. Latency is
    ``STAGES`` enabled cycles, throughput one group of elements in each.

    Members
    -------
    enable : all stages move
    reads, long, first : a table is asked for, of 1,024 segments, from this segment on
    x, y : signed, ``lanes`` each
    writes, index, segment : what is loaded, while nothing is read
    """

    STAGES = 3

    def __init__(self, segments: int, lanes: int) -> None:
        self.segments, self.lanes = segments, lanes
        self.key = f"table_lanes_{segments}x{lanes}"
        words = data.ArrayLayout(signed(16), lanes)
        super().__init__({
            "enable": In(1),
            "reads": In(1),
            "long": In(1),
            "first": In(INDEX_BITS),
            "x": In(words),
            "y": Out(words),
            "writes": In(1),
            "index": In(INDEX_BITS),
            "segment": In(segment_layout()),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        m.submodules.table = table = Memory(shape=segment_layout(), depth=self.segments, init=[])
        write = table.write_port()
        m.d.comb += [
            write.en.eq(self.writes),
            write.addr.eq(self.index),
            write.data.eq(self.segment),
        ]
        remainder_bits, long_bits = 16 - SHORT_BITS, 16 - LONG_BITS
        for lane, x in enumerate(self.x):
            read, above = table.read_port(), Cat(x[:-1], ~x[-1])
            index = Mux(self.long, above[long_bits:], above[remainder_bits:])
            # Both have the position within a segment with the same fraction bits.
            finer = above[:long_bits] << (remainder_bits - long_bits)
            remainder = Mux(self.long, finer, above[:remainder_bits])[:remainder_bits]
            remainder = held(m, self.enable, f"remainder_{lane}", remainder, 2)
            rise = held(m, self.enable, f"rise_{lane}", read.data.rise)
            product = held(m, self.enable, f"product_{lane}", rise * remainder)
            base = held(m, self.enable, f"base_{lane}", read.data.base, 2)
            m.d.comb += [
                read.en.eq(self.enable & self.reads),
                read.addr.eq(self.first + index),
                self.y[lane].eq(line(base, product, remainder_bits)),
            ]
        return m
