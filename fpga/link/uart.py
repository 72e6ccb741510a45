"""The serial line: eight data bits, no parity, one stop bit, ``divisor`` cycles a bit."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

FRAME_BITS = 10


def require_divisor(divisor: int) -> None:
    """Raise ``ValueError`` unless a bit lasts long enough to be sampled in its middle."""
    if not isinstance(divisor, int) or not 4 <= divisor <= 1 << 16:
        raise ValueError(f"a bit must last 4 to 65536 cycles, not {divisor!r}")


class UartReceiver(wiring.Component):
    """Bytes of a serial line. A byte without its stop bit is dropped, and so is one that comes
    while the one before it still waits.

    Members
    -------
    rx : the line, of any clock
    o : bytes, about half a bit before their stop bit ends
    """

    def __init__(self, divisor: int) -> None:
        require_divisor(divisor)
        self.divisor = divisor
        super().__init__({"rx": In(1, init=1), "o": Out(stream.Signature(unsigned(8)))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        bits = Signal(FRAME_BITS - 1, reset_less=True)
        left = Signal(range(FRAME_BITS + 1))
        timer = Signal(range(self.divisor))
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(left == 0), m.If(~line):
            m.d.sync += [left.eq(FRAME_BITS), timer.eq(self.divisor // 2 - 1)]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [
                timer.eq(self.divisor - 1),
                left.eq(left - 1),
                bits.eq(Cat(bits[1:], line)),
            ]
            with m.If((left == FRAME_BITS) & line):
                # The start bit did not last: a disturbance.
                m.d.sync += left.eq(0)
            with m.If((left == 1) & line & (~self.o.valid | self.o.ready)):
                m.d.sync += [self.o.payload.eq(bits[1:]), self.o.valid.eq(1)]
        return m


class UartTransmitter(wiring.Component):
    """Sends bytes, ten bits of ``divisor`` cycles each, without a pause where there are more.

    Members
    -------
    i : bytes
    tx : the line
    """

    def __init__(self, divisor: int) -> None:
        require_divisor(divisor)
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(unsigned(8))), "tx": Out(1, init=1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bits = Signal(FRAME_BITS, init=(1 << FRAME_BITS) - 1)
        left = Signal(range(FRAME_BITS + 1))
        timer = Signal(range(self.divisor))
        m.d.comb += self.i.ready.eq(left == 0)
        m.d.sync += self.tx.eq(bits[0])
        with m.If(left == 0), m.If(self.i.valid):
            m.d.sync += [
                bits.eq(Cat(Const(0, 1), self.i.payload, Const(1, 1))),
                left.eq(FRAME_BITS),
                timer.eq(self.divisor - 1),
            ]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [
                bits.eq(Cat(bits[1:], Const(1, 1))),
                left.eq(left - 1),
                timer.eq(self.divisor - 1),
            ]
        return m
