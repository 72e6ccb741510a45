"""Cuts a stream where units meet: registers forwards and backwards."""

from typing import Any

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class Relay(wiring.Component):
    """``o`` is ``i``, one cycle later, straight from registers, and so is ``i.ready``.

    Latency is one cycle, throughput one transfer per cycle. What comes in the cycle in which ``o``
    is held up waits in a second register: one multiplexer a bit, where a ``Queue`` of depth 2
    has it behind its registers.

    Members
    -------
    i, o : streams of ``shape``
    """

    def __init__(self, shape: ShapeLike) -> None:
        self.shape = shape
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        i, o = self.i, self.o
        payload = Signal(self.shape, reset_less=True)
        spare, holds = Signal(self.shape, reset_less=True), Signal()
        m.d.comb += [i.ready.eq(~holds), o.payload.eq(payload)]
        with m.If(~o.valid | o.ready):
            m.d.sync += [o.valid.eq(i.valid | holds), holds.eq(0)]
            with m.If(i.valid | holds):
                m.d.sync += payload.eq(Mux(holds, spare, i.payload))
        with m.Elif(i.valid):
            m.d.sync += holds.eq(1)
        with m.If(i.valid & ~holds):
            m.d.sync += spare.eq(i.payload)
        return m
