"""Memory on the chip that link and AXI4 master share: where an accelerator's program lies."""

from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In

from fpga.link.bus import WORD_BITS, BusSignature
from golden.spec import ceil_log2
from hw.accelerator.axi import BOUNDARY, OKAY, SLAVE_ERROR, memory_signature
from hw.pipeline import delayed, held
from hw.stream import Queue


def require_sizes(size: int, bus_bytes: int) -> None:
    """Raise ``ValueError`` unless no burst leaves a memory of ``size`` bytes that it begins in."""
    if bus_bytes not in (4, 8, 16, 32):
        raise ValueError(f"bus_bytes must be 4, 8, 16 or 32, not {bus_bytes!r}")
    if size < bus_bytes or (size % BOUNDARY and size.bit_count() != 1):
        raise ValueError(f"size must be a power of two or a multiple of {BOUNDARY}, not {size!r}")


BEATS = 5
"""Beats that are read and not yet taken: as many as keep one per cycle moving."""


def beat_layout(bus_bytes: int) -> data.StructLayout:
    """A beat, whether it is its burst's last one, and whether the burst begins beyond memory."""
    return data.StructLayout({"data": unsigned(8 * bus_bytes), "last": 1, "refused": 1})


class SharedMemory(wiring.Component):
    """``size`` bytes of block RAM; ``bus_bytes`` of them move at once on the AXI4 side.

    A burst moves a beat per cycle once it has begun, four cycles after its address; bursts are
    taken one after the other, reads first. The link is served in the cycles between bursts. A burst
    or a word that begins beyond the memory ends in an error and writes nothing.

    Members
    -------
    bus : of the link; its addresses count words of 32 bits
    memory : the slave of ``hw.accelerator.axi.memory_signature(bus_bytes)``
    """

    def __init__(self, size: int, bus_bytes: int) -> None:
        require_sizes(size, bus_bytes)
        self.size, self.bus_bytes = size, bus_bytes
        super().__init__({
            "bus": In(BusSignature()),
            "memory": In(memory_signature(bus_bytes)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        request, response, axi = self.bus.request, self.bus.response, self.memory
        depth, words = self.size // self.bus_bytes, self.bus_bytes * 8 // WORD_BITS
        m.submodules.cells = cells = Memory(
            shape=unsigned(8 * self.bus_bytes), depth=depth, init=[]
        )
        store, fetch = cells.write_port(granularity=WORD_BITS), cells.read_port()
        m.submodules.beats = beats = Queue(beat_layout(self.bus_bytes), BEATS)
        place, left, refused = Signal(range(depth)), Signal(8), Signal()
        # What the cells do in the next cycle: they are spread over the chip.
        at, reads, writes = Signal(range(depth)), Signal(), Signal(words)
        under_way = Signal(range(BEATS + 1))
        # Of a word of the link: its beat, and which part of the beat it is.
        part_bits = ceil_log2(words)
        part = request.p.address[:part_bits] if words > 1 else Const(0, 1)
        beyond = request.p.address >= self.size // 4
        first = ceil_log2(self.bus_bytes)
        m.d.comb += [
            at.eq(place),
            store.addr.eq(fetch.addr),
            beats.i.valid.eq(delayed(m, "read", reads, 2)),
            beats.i.p.data.eq(fetch.data),
            beats.i.p.last.eq(held(m, 1, "last", left == 0, 2)),
            beats.i.p.refused.eq(held(m, 1, "beyond", refused, 2)),
            axi.r.valid.eq(beats.o.valid),
            beats.o.ready.eq(axi.r.ready),
            axi.r.p.data.eq(beats.o.p.data),
            axi.r.p.last.eq(beats.o.p.last),
            axi.r.p.resp.eq(Mux(beats.o.p.refused, SLAVE_ERROR, OKAY)),
            axi.b.p.resp.eq(Mux(refused, SLAVE_ERROR, OKAY)),
        ]
        m.d.sync += [
            fetch.addr.eq(at),
            store.en.eq(writes),
            store.data.eq(axi.w.p.data),
            under_way.eq(under_way + reads - (axi.r.valid & axi.r.ready)),
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
                with m.Elif(request.valid & ~response.valid):
                    m.d.comb += [
                        request.ready.eq(1),
                        at.eq(request.p.address >> part_bits),
                        writes.eq(Mux(request.p.write & ~beyond, 1 << part, 0)),
                    ]
                    m.d.sync += [
                        store.data.eq(request.p.data.replicate(words)),
                        place.eq(part),
                        refused.eq(beyond),
                    ]
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.sync += [
                    response.valid.eq(1),
                    response.p.data.eq(
                        fetch.data.word_select(place[: max(1, part_bits)], WORD_BITS)
                    ),
                    response.p.error.eq(refused),
                ]
                m.next = "IDLE"
            with m.State("READ"), m.If(under_way != BEATS):
                m.d.comb += reads.eq(1)
                m.d.sync += [place.eq(place + 1), left.eq(left - 1)]
                with m.If(left == 0):
                    m.next = "IDLE"
            with m.State("WRITE"):
                m.d.comb += [
                    axi.w.ready.eq(1),
                    writes.eq((axi.w.valid & ~refused).replicate(words)),
                ]
                with m.If(axi.w.valid):
                    m.d.sync += place.eq(place + 1)
                    with m.If(axi.w.p.last):
                        m.d.sync += axi.b.valid.eq(1)
                        m.next = "ANSWERED"
            with m.State("ANSWERED"), m.If(axi.b.ready):
                m.d.sync += axi.b.valid.eq(0)
                m.next = "IDLE"
        return m
