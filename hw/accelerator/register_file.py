"""A program's registers: one memory with a port to read by and one to write by."""

from typing import Any

from amaranth.hdl import Array, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

REGISTERS = 16
ALL_ONES = 0xFFFF
"""What register 0 reads as: a count of it is the count's limit."""


class RegisterFile(wiring.Component):
    """``REGISTERS`` words of 32 bits; a start fills them, one in a cycle.

    Members
    -------
    start, arguments : put these into registers 1 to 4, and 0 behind them
    busy : they are being filled
    reads, number : give this register's ``value``, a cycle later
    writes, target, result : write a register; it can be read two cycles later
    """

    def __init__(self) -> None:
        super().__init__({
            "start": In(1),
            "arguments": In(32).array(4),
            "busy": Out(1),
            "reads": In(1),
            "number": In(range(REGISTERS)),
            "value": Out(32),
            "writes": In(1),
            "target": In(range(REGISTERS)),
            "result": In(32),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(shape=32, depth=REGISTERS, init=[])
        write, read = memory.write_port(), memory.read_port(domain="comb")
        place = Signal(range(REGISTERS))
        starts = Array([Const(ALL_ONES, 32), *self.arguments, *[Const(0, 32)] * 3])
        m.d.comb += read.addr.eq(self.number)
        with m.If(self.reads):
            m.d.sync += self.value.eq(read.data)
        with m.If(self.start):
            m.d.sync += self.busy.eq(1)
        m.d.sync += write.en.eq(self.busy | (self.writes & (self.target != 0)))
        with m.If(self.busy):
            m.d.sync += [
                place.eq(place + 1),
                write.addr.eq(place),
                write.data.eq(Mux(place < len(starts), starts[place[:3]], 0)),
            ]
            with m.If(place == REGISTERS - 1):
                m.d.sync += self.busy.eq(0)
        with m.Elif(self.writes):
            m.d.sync += [write.addr.eq(self.target), write.data.eq(self.result)]
        return m
