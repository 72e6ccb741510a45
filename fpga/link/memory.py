"""Memory that link and AXI4 master share: where an accelerator's program lies."""

from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from fpga.link.bus import WORD_BITS, BusSignature
from fpga.link.store import request_layout, store_signature
from golden.spec import ceil_log2
from hw.accelerator.axi import OKAY, SLAVE_ERROR, memory_signature
from hw.stream import Queue

BEATS = 5
"""Beats that are asked for and not yet taken: as many as keep one per cycle moving."""

TOLD = data.StructLayout({"last": 1, "refused": 1})
"""Whether a beat is its burst's last one, and whether the burst begins beyond memory."""


class SharedMemory(wiring.Component):
    """A store of ``size`` bytes; ``bus_bytes`` of them move at once on the AXI4 side.

    A burst moves a beat per cycle once it has begun, as far as the store can, its first one the
    store's latency and two cycles after its address; bursts are taken one after the other, reads
    first. The link is served in the cycles between bursts. A burst or a word that begins beyond the
    memory ends in an error and writes nothing.

    Members
    -------
    bus : of the link; its addresses count words of 32 bits
    memory : the slave of ``hw.accelerator.axi.memory_signature(bus_bytes)``
    store : what holds the bytes
    """

    def __init__(self, size: int, bus_bytes: int) -> None:
        self.size, self.bus_bytes = size, bus_bytes
        super().__init__({
            "bus": In(BusSignature()),
            "memory": In(memory_signature(bus_bytes)),
            "store": In(store_signature(size, bus_bytes)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        request, response, axi = self.bus.request, self.bus.response, self.memory
        asked, found = self.store.requests, self.store.beats
        words = self.bus_bytes * 8 // WORD_BITS
        m.submodules.beats = beats = Queue(unsigned(8 * self.bus_bytes), BEATS)
        m.submodules.told = told = Queue(TOLD, BEATS)
        place = Signal(request_layout(self.size, self.bus_bytes)["address"].shape)
        left, refused, served = Signal(8), Signal(), Signal()
        # Beats of bursts: asked for and not taken, asked for and not given by the store.
        under_way, owed = Signal(range(BEATS + 1)), Signal(range(BEATS + 1))
        taken, reads = Signal(), Signal()
        # Of a word of the link: its beat, and which part of the beat it is.
        part_bits = ceil_log2(words)
        part = request.p.address[:part_bits] if words > 1 else Const(0, 1)
        beyond = request.p.address >= self.size // 4
        first = ceil_log2(self.bus_bytes)
        m.d.comb += [
            asked.p.address.eq(place),
            beats.i.valid.eq(found.valid & ~served),
            beats.i.payload.eq(found.payload),
            told.i.valid.eq(reads),
            told.i.p.last.eq(left == 0),
            told.i.p.refused.eq(refused),
            axi.r.valid.eq(beats.o.valid),
            taken.eq(beats.o.valid & axi.r.ready),
            beats.o.ready.eq(taken),
            told.o.ready.eq(taken),
            axi.r.p.data.eq(beats.o.payload),
            axi.r.p.last.eq(told.o.p.last),
            axi.r.p.resp.eq(Mux(told.o.p.refused, SLAVE_ERROR, OKAY)),
            axi.b.p.resp.eq(Mux(refused, SLAVE_ERROR, OKAY)),
        ]
        m.d.sync += [
            under_way.eq(under_way + reads - taken),
            owed.eq(owed + reads - beats.i.valid),
        ]
        with m.If(response.ready):
            m.d.sync += response.valid.eq(0)
        with m.FSM(name="shared_memory"):
            with m.State("IDLE"):
                with m.If(axi.ar.valid | axi.aw.valid):
                    chosen = Mux(axi.ar.valid, axi.ar.p.addr, axi.aw.p.addr)
                    m.d.comb += [axi.ar.ready.eq(1), axi.aw.ready.eq(~axi.ar.valid)]
                    m.d.sync += [
                        place.eq(chosen[first:]),
                        left.eq(axi.ar.p.len),
                        refused.eq(chosen >= self.size),
                    ]
                    m.next = "WRITE"
                    with m.If(axi.ar.valid):
                        m.next = "READ"
                with m.Elif(request.valid & ~response.valid & (owed == 0)):
                    m.next = "LINK"
            # What a store was asked stays: a burst that comes now waits.
            with m.State("LINK"):
                m.d.comb += [
                    request.ready.eq(asked.ready),
                    asked.valid.eq(1),
                    asked.p.address.eq(request.p.address >> part_bits),
                    asked.p.write.eq(request.p.write),
                    asked.p.enables.eq(Mux(beyond, 0, 1 << part)),
                    asked.p.data.eq(request.p.data.replicate(words)),
                ]
                m.d.sync += [place.eq(part), refused.eq(beyond), served.eq(~request.p.write)]
                with m.If(asked.ready):
                    m.next = "ANSWER"
            with m.State("ANSWER"), m.If(~served | found.valid):
                m.d.sync += [
                    served.eq(0),
                    response.valid.eq(1),
                    response.p.data.eq(
                        found.payload.word_select(place[: max(1, part_bits)], WORD_BITS)
                    ),
                    response.p.error.eq(refused),
                ]
                m.next = "IDLE"
            with m.State("READ"):
                m.d.comb += [
                    asked.valid.eq(under_way != BEATS),
                    reads.eq(asked.valid & asked.ready),
                ]
                with m.If(reads):
                    m.d.sync += [place.eq(place + 1), left.eq(left - 1)]
                    with m.If(left == 0):
                        m.next = "IDLE"
            with m.State("WRITE"):
                m.d.comb += [
                    asked.valid.eq(axi.w.valid),
                    asked.p.write.eq(1),
                    asked.p.enables.eq((~refused).replicate(words)),
                    asked.p.data.eq(axi.w.p.data),
                    axi.w.ready.eq(asked.ready),
                ]
                with m.If(axi.w.valid & axi.w.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(axi.w.p.last):
                        m.d.sync += axi.b.valid.eq(1)
                        m.next = "ANSWERED"
            with m.State("ANSWERED"), m.If(axi.b.ready):
                m.d.sync += axi.b.valid.eq(0)
                m.next = "IDLE"
        return m
