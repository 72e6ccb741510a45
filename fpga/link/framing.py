"""Framing in hardware: bytes of a line to bytes of bodies and back, with the CRC."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ETHERNET
from amaranth.lib.wiring import In, Out

from fpga.link.frame import CRC_BYTES, ESCAPE, FLAG, TOGGLE

RECEIVED = data.StructLayout({"data": unsigned(8), "end": unsigned(1), "good": unsigned(1)})
"""A byte of a body, its CRC included; or its end, and whether the CRC was right."""

SENT = data.StructLayout({"data": unsigned(8), "last": unsigned(1)})
"""A byte of a body, without CRC, and whether it is the last."""


class Deframer(wiring.Component):
    """Takes flags and escapes away. An empty body is none: two flags may stand between frames.

    Latency is zero, throughput one byte per cycle.

    Members
    -------
    i : bytes of the line
    o : ``RECEIVED``
    """

    def __init__(self) -> None:
        super().__init__({
            "i": In(stream.Signature(unsigned(8))),
            "o": Out(stream.Signature(RECEIVED)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(data_width=8).create()
        inside, escaped, filled = Signal(), Signal(), Signal()
        byte, taken = self.i.payload, Signal()
        m.d.comb += [
            self.o.p.data.eq(Mux(escaped, byte ^ TOGGLE, byte)),
            self.o.p.end.eq(byte == FLAG),
            self.o.p.good.eq(crc.match_detected & ~escaped),
            crc.data.eq(self.o.p.data),
            taken.eq(self.i.valid & self.i.ready),
        ]
        with m.If(byte == FLAG):
            m.d.comb += [
                self.o.valid.eq(self.i.valid & filled),
                self.i.ready.eq(~filled | self.o.ready),
                crc.start.eq(taken),
            ]
            with m.If(taken):
                m.d.sync += [inside.eq(1), escaped.eq(0), filled.eq(0)]
        with m.Elif((byte == ESCAPE) | ~inside):
            m.d.comb += self.i.ready.eq(1)
            with m.If(taken):
                m.d.sync += escaped.eq(inside)
        with m.Else():
            m.d.comb += [
                self.o.valid.eq(self.i.valid),
                self.i.ready.eq(self.o.ready),
                crc.valid.eq(taken),
            ]
            with m.If(taken):
                m.d.sync += [escaped.eq(0), filled.eq(1)]
        return m


class Framer(wiring.Component):
    """Puts a body between flags, with its CRC and its escapes.

    A byte takes one cycle, or two where it is escaped; a frame takes seven cycles more.

    Members
    -------
    i : ``SENT``
    o : bytes of the line
    """

    def __init__(self) -> None:
        super().__init__({
            "i": In(stream.Signature(SENT)),
            "o": Out(stream.Signature(unsigned(8))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(data_width=8).create()
        # A byte of the body or of the CRC, before it is escaped.
        plain, offered, taken = Signal(8), Signal(), Signal()
        second, index = Signal(), Signal(range(CRC_BYTES))
        special = (plain == FLAG) | (plain == ESCAPE)
        m.d.comb += crc.data.eq(self.i.p.data)
        with m.If(offered):
            m.d.comb += [
                self.o.valid.eq(1),
                self.o.payload.eq(Mux(special, Mux(second, plain ^ TOGGLE, ESCAPE), plain)),
                taken.eq(self.o.ready & (second | ~special)),
            ]
            with m.If(self.o.ready):
                m.d.sync += second.eq(special & ~second)
        with m.FSM(name="framer"):
            with m.State("BEGIN"):
                m.d.comb += [
                    self.o.payload.eq(FLAG),
                    self.o.valid.eq(self.i.valid),
                    crc.start.eq(1),
                ]
                with m.If(self.i.valid & self.o.ready):
                    m.next = "BODY"
            with m.State("BODY"):
                m.d.comb += [
                    plain.eq(self.i.p.data),
                    offered.eq(self.i.valid),
                    self.i.ready.eq(taken),
                    crc.valid.eq(taken),
                ]
                with m.If(taken & self.i.p.last):
                    m.next = "CRC"
            with m.State("CRC"):
                m.d.comb += [plain.eq(crc.crc.word_select(index, 8)), offered.eq(1)]
                with m.If(taken):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == CRC_BYTES - 1):
                        m.next = "END"
            with m.State("END"):
                m.d.comb += [self.o.payload.eq(FLAG), self.o.valid.eq(1)]
                with m.If(self.o.ready):
                    m.next = "BEGIN"
        return m
