"""The reading half of the memory port: requests of several clients to bursts, words back."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.axi import ADDRESS_BITS, BOUNDARY, BURST_BEATS, address_layout, read_layout
from hw.accelerator.bursts import Bursts
from hw.accelerator.faults import FAULT_BITS, Fault
from hw.accelerator.memory_layout import (
    burst_words,
    memory_read_signature,
    require_widths,
)
from hw.stream import Buffer, Queue

_PAGE = BOUNDARY.bit_length() - 1


class MemoryRead(wiring.Component):
    """Gives every client the words that it asks for, in order.

    A burst is issued only when its client's queue has room for all of it, so the bus is always
    ready for data and no client can hold up another one. The first client with such a burst goes
    first, burst by burst: the order is by how little a client takes and how much waits for it. A
    client stops asking when its queue is full, so those behind it wait for a bounded time.

    Latency from a request to its first word is the memory's and 8 cycles; throughput one beat per
    cycle, for a client whose queue holds the words of the latency and one burst.

    Parameters
    ----------
    depths : words of each client's queue
    bursts : that may be under way

    Members
    -------
    clients : ``hw.accelerator.memory_layout.memory_read_signature``
    ar, r : channels of the bus
    base, size : bus address of byte 0, a multiple of 4096; bytes that may be read
    halt : issue nothing more
    idle : no burst is under way
    fault : stays until the reset
    """

    def __init__(
        self, word_bytes: int, bus_bytes: int, depths: tuple[int, ...], bursts: int
    ) -> None:
        require_widths(word_bytes, bus_bytes)
        longest = burst_words(word_bytes, bus_bytes)
        if min(depths) < longest:
            raise ValueError(f"queues must hold a burst of {longest} words, not {min(depths)}")
        self.word_bytes, self.bus_bytes = word_bytes, bus_bytes
        self.depths, self.bursts = depths, bursts
        super().__init__({
            "clients": In(memory_read_signature(word_bytes)).array(len(depths)),
            "ar": Out(stream.Signature(address_layout())),
            "r": In(stream.Signature(read_layout(bus_bytes))),
            "base": In(ADDRESS_BITS),
            "size": In(ADDRESS_BITS),
            "halt": In(1),
            "idle": Out(1),
            "fault": Out(FAULT_BITS),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        ratio = self.word_bytes // self.bus_bytes
        count = len(self.depths)
        m.submodules.chosen = issued = Buffer(address_layout())
        m.submodules.issued = based = Queue(address_layout(), 2)
        m.submodules.owners = owners = Queue(
            unsigned(max(1, (count - 1).bit_length())), self.bursts
        )
        wiring.connect(m, based.o, wiring.flipped(self.ar))
        offers, earlier = Signal(count), Signal(count)
        goes = Signal()
        m.d.comb += [
            goes.eq(issued.i.ready & owners.i.ready & ~self.halt),
            earlier.eq(Cat(offers[:number].any() for number in range(count))),
            issued.i.valid.eq(goes & offers.any()),
            owners.i.valid.eq(issued.i.valid),
            based.i.valid.eq(issued.o.valid),
            based.i.p.addr.eq(
                Cat(issued.o.p.addr[:_PAGE], issued.o.p.addr[_PAGE:] + self.base[_PAGE:])
            ),
            based.i.p.len.eq(issued.o.p.len),
            issued.o.ready.eq(based.i.ready),
            self.idle.eq(~owners.o.valid),
        ]
        word, comes = self._words(m, ratio, owners.o)
        for number, (client, depth) in enumerate(zip(self.clients, self.depths, strict=True)):
            m.submodules[f"words_{number}"] = queue = Queue(unsigned(8 * self.word_bytes), depth)
            wiring.connect(m, queue.o, wiring.flipped(client.words))
            m.d.comb += [
                queue.i.payload.eq(word),
                queue.i.valid.eq(comes & (owners.o.payload == number)),
            ]
            chosen = offers[number] & ~earlier[number]
            burst = self._client(m, number, offers[number], goes & chosen, client, depth)
            with m.If(chosen):
                m.d.comb += [
                    issued.i.p.addr.eq(burst.address),
                    issued.i.p.len.eq(burst.words * ratio - 1),
                    owners.i.payload.eq(number),
                ]
        return m

    def _client(
        self, m: Module, number: int, offers: Value, goes: Value, client: Any, depth: int
    ) -> Any:
        """Take a client's requests apart; return its next burst."""
        m.submodules[f"bursts_{number}"] = bursts = Bursts(self.word_bytes, self.bus_bytes)
        requests, burst = client.requests, bursts.o.p
        room = Signal(range(depth + 1), name=f"room_{number}", init=depth)
        # Whether the burst at hand fits, once it has stood here for a cycle; and whether any does
        # when a burst has just gone.
        fits, ample = Signal(name=f"fits_{number}"), Signal(name=f"ample_{number}")
        taken = client.words.valid & client.words.ready
        m.d.comb += [
            bursts.i.valid.eq(requests.valid),
            bursts.i.p.address.eq(requests.p.address),
            bursts.i.p.words.eq(requests.p.words),
            requests.ready.eq(bursts.i.ready),
            bursts.size.eq(self.size),
            bursts.o.ready.eq(goes),
            offers.eq(bursts.o.valid & (fits | ample)),
        ]
        with m.If(goes):
            m.d.sync += room.eq(room + taken - burst.words)
        with m.Else():
            m.d.sync += room.eq(room + taken)
        m.d.sync += [
            fits.eq(bursts.o.valid & ~goes & (burst.words <= room)),
            ample.eq(room >= 2 * bursts.longest),
        ]
        with m.If(bursts.outside):
            m.d.sync += self.fault.eq(Fault.MEMORY)
        return burst

    def _words(self, m: Module, ratio: int, owners: Any) -> tuple[Value, Value]:
        """Put beats together to words, a cycle after they came; return the word and whether it is
        whole.
        """
        beat = Signal.like(self.r.payload, reset_less=True)
        comes = Signal()
        m.d.comb += [self.r.ready.eq(1), owners.ready.eq(comes & beat.last)]
        m.d.sync += comes.eq(self.r.valid)
        with m.If(self.r.valid):
            m.d.sync += beat.eq(self.r.payload)
        with m.If(comes & beat.resp[1] & (self.fault == 0)):
            m.d.sync += self.fault.eq(Fault.READ)
        if ratio == 1:
            return beat.data, comes
        first = Signal(8 * (self.word_bytes - self.bus_bytes), reset_less=True)
        place = Signal(range(ratio))
        word = Cat(first, beat.data)
        with m.If(comes):
            m.d.sync += [first.eq(word[8 * self.bus_bytes :]), place.eq(place + 1)]
        return word, comes & (place == ratio - 1)


def word_queue_words(latency: int, word_bytes: int, bus_bytes: int) -> int:
    """Words of a queue that keeps the bus busy at ``latency`` cycles."""
    # Two bursts: one that is taken, one that finds no room yet, no longer than what it hides.
    beats = latency + 8 + BURST_BEATS + min(latency, BURST_BEATS)
    return max(beats * bus_bytes // word_bytes, 2 * burst_words(word_bytes, bus_bytes))


def burst_count(latency: int) -> int:
    """Bursts that may be under way: enough for bursts of one word at ``latency`` cycles."""
    return 1 << (latency + 12).bit_length()
