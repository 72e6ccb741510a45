"""The next instruction of a unit, checked in registers while the one before is under way."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.extent import Extent, walk_layout
from hw.accelerator.layout import instruction_layout


class Checked(wiring.Component):
    """Holds an instruction for three cycles, or until it is known whether its walks fit the buffer.

    From the second one on, registers that follow its fields have their values, ``needs`` among
    them. One ``Extent`` looks at the walks in turn: with any of ``needs`` the instruction is held
    for ``Extent.latency + walks`` cycles more, counted from its first one.

    Members
    -------
    i, o : instructions
    walks, needs : walks of ``o``'s payload, and which of them it makes; all zero: none
    outside : one of them leaves the buffer
    """

    def __init__(self, buffer_words: int, walks: int = 1) -> None:
        self.buffer_words, self.walk_count = buffer_words, walks
        super().__init__({
            "i": In(stream.Signature(instruction_layout())),
            "o": Out(stream.Signature(instruction_layout())),
            "walks": In(walk_layout()).array(walks),
            "needs": In(walks),
            "outside": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.extent = extent = Extent(self.buffer_words)
        ends = Extent.latency + self.walk_count - 1
        full, age = Signal(), Signal(range(ends + 1))
        m.d.comb += self.i.ready.eq(~full | (self.o.valid & self.o.ready))
        with m.If(age != ends):
            m.d.sync += age.eq(age + 1)
        with m.If(full & Mux(self.needs.any(), age == ends, age != 0)):
            m.d.sync += self.o.valid.eq(1)
        for place, walk in enumerate(self.walks):
            with m.If(age == place):
                m.d.comb += extent.walk.eq(walk)
            told = (age == Extent.latency + place) & ~self.o.valid
            with m.If(told & extent.outside & self.needs[place]):
                m.d.sync += self.outside.eq(1)
        with m.If(self.i.ready):
            m.d.sync += [full.eq(self.i.valid), age.eq(0), self.o.valid.eq(0), self.outside.eq(0)]
            with m.If(self.i.valid):
                m.d.sync += self.o.payload.eq(self.i.payload)
        return m
