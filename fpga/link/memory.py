"""Memory on the chip that link and AXI4 master share: where an accelerator's program lies."""

from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In

from fpga.link.bus import WORD_BITS, BusSignature
from golden.spec import ceil_log2
from hw.accelerator.axi import BOUNDARY, OKAY, SLAVE_ERROR, memory_signature


def require_sizes(size: int, bus_bytes: int) -> None:
    """Raise ``ValueError`` unless no burst leaves a memory of ``size`` bytes that it begins in."""
    if bus_bytes not in (4, 8, 16, 32):
        raise ValueError(f"bus_bytes must be 4, 8, 16 or 32, not {bus_bytes!r}")
    if size < bus_bytes or (size % BOUNDARY and size.bit_count() != 1):
        raise ValueError(f"size must be a power of two or a multiple of {BOUNDARY}, not {size!r}")


class SharedMemory(wiring.Component):
    """``size`` bytes of block RAM; ``bus_bytes`` of them move at once on the AXI4 side.

    A burst moves a beat per cycle once it has begun, two cycles after its address; bursts are taken
    one after the other, reads first. The link is served in the cycles between bursts. A burst or a
    word that begins beyond the memory ends in an error and writes nothing.

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
        place, left, refused = Signal(range(depth)), Signal(8), Signal()
        # Of a word of the link: its beat, and which part of the beat it is.
        part_bits = ceil_log2(words)
        part = request.p.address[:part_bits] if words > 1 else Const(0, 1)
        beyond = request.p.address >= self.size // 4
        first = ceil_log2(self.bus_bytes)
        m.d.comb += [
            fetch.addr.eq(place),
            fetch.en.eq(0),
            store.addr.eq(place),
            store.data.eq(axi.w.p.data),
            axi.r.p.data.eq(fetch.data),
            axi.r.p.resp.eq(Mux(refused, SLAVE_ERROR, OKAY)),
            axi.b.p.resp.eq(Mux(refused, SLAVE_ERROR, OKAY)),
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
                        fetch.addr.eq(request.p.address >> part_bits),
                        fetch.en.eq(1),
                        store.addr.eq(request.p.address >> part_bits),
                        store.data.eq(request.p.data.replicate(words)),
                        store.en.eq(Mux(request.p.write & ~beyond, 1 << part, 0)),
                    ]
                    m.d.sync += [place.eq(part), refused.eq(beyond)]
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
            with m.State("READ"):
                more = Signal(init=1)
                with m.If(~axi.r.valid | axi.r.ready):
                    m.d.comb += fetch.en.eq(1)
                    m.d.sync += [
                        axi.r.valid.eq(more),
                        axi.r.p.last.eq(left == 0),
                        more.eq(left != 0),
                        place.eq(place + 1),
                        left.eq(left - 1),
                    ]
                    with m.If(~more):
                        m.d.sync += more.eq(1)
                        m.next = "IDLE"
            with m.State("WRITE"):
                m.d.comb += [
                    axi.w.ready.eq(1),
                    store.en.eq(Mux(axi.w.valid & ~refused, Const(1, 1).replicate(words), 0)),
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
