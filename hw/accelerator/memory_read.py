"""The reading half of the memory port: requests of several clients to bursts, words back."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.axi import ADDRESS_BITS, address_layout, read_layout
from hw.accelerator.faults import FAULT_BITS, Fault
from hw.accelerator.memory_layout import (
    burst_of,
    burst_words,
    memory_read_signature,
    outside_memory,
    require_widths,
)
from hw.stream import Buffer, Queue

BURSTS = 64
"""Bursts that may be under way: enough for bursts of one word at 40 cycles of latency."""


class MemoryRead(wiring.Component):
    """Gives every client the words that it asks for, in order.

    A burst is issued only when its client's queue has room for all of it, so the bus is always
    ready for data and no client can hold up another one. The first client with such a burst goes
    first, burst by burst: the order is by how little a client takes and how much waits for it. A
    client stops asking when its queue is full, so those behind it wait for a bounded time.

    Latency from a request to its first word is the memory's and 3 cycles; throughput one beat per
    cycle, for a client whose queue holds the words of the latency and one burst.

    Parameters
    ----------
    depths : words of each client's queue

    Members
    -------
    clients : ``hw.accelerator.memory_layout.memory_read_signature``
    ar, r : channels of the bus
    base, size : bus address of byte 0, a multiple of 4096; bytes that may be read
    halt : issue nothing more
    idle : no burst is under way
    fault : stays until the reset
    """

    def __init__(self, word_bytes: int, bus_bytes: int, depths: tuple[int, ...]) -> None:
        require_widths(word_bytes, bus_bytes)
        longest = burst_words(word_bytes, bus_bytes)
        if min(depths) < longest:
            raise ValueError(f"queues must hold a burst of {longest} words, not {min(depths)}")
        self.word_bytes, self.bus_bytes, self.depths = word_bytes, bus_bytes, depths
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
        m.submodules.issued = issued = Buffer(address_layout())
        m.submodules.owners = owners = Queue(unsigned(max(1, (count - 1).bit_length())), BURSTS)
        wiring.connect(m, issued.o, wiring.flipped(self.ar))
        offers, chosen = Signal(count), Signal(count)
        goes = Signal()
        m.d.comb += [
            chosen.eq(offers & (~offers + 1)),
            goes.eq(offers.any() & issued.i.ready & owners.i.ready & ~self.halt),
            issued.i.valid.eq(goes),
            owners.i.valid.eq(goes),
            self.idle.eq(~owners.o.valid),
        ]
        word, comes = self._words(m, ratio)
        m.d.comb += owners.o.ready.eq(self.r.valid & self.r.p.last)
        for number, (client, depth) in enumerate(zip(self.clients, self.depths, strict=True)):
            m.submodules[f"words_{number}"] = queue = Queue(unsigned(8 * self.word_bytes), depth)
            wiring.connect(m, queue.o, wiring.flipped(client.words))
            m.d.comb += [
                queue.i.payload.eq(word),
                queue.i.valid.eq(comes & (owners.o.payload == number)),
            ]
            burst, address = self._client(
                m, number, offers[number], goes & chosen[number], client, depth
            )
            with m.If(chosen[number]):
                m.d.comb += [
                    issued.i.p.addr.eq(self.base + address),
                    issued.i.p.len.eq(burst * ratio - 1),
                    owners.i.payload.eq(number),
                ]
        with m.If(self.r.valid & self.r.p.resp[1] & (self.fault == 0)):
            m.d.sync += self.fault.eq(Fault.READ)
        return m

    def _client(
        self, m: Module, number: int, offers: Value, goes: Value, client: Any, depth: int
    ) -> tuple[Value, Value]:
        """Take a client's requests apart; return its next burst's words and address."""
        request = client.requests
        address = Signal(ADDRESS_BITS, name=f"address_{number}", reset_less=True)
        left = Signal.like(request.p.words, name=f"left_{number}")
        room = Signal(range(depth + 1), name=f"room_{number}", init=depth)
        burst = Signal(
            range(burst_words(self.word_bytes, self.bus_bytes) + 1), name=f"burst_{number}"
        )
        m.d.comb += [
            burst.eq(burst_of(address, left, self.word_bytes, self.bus_bytes)),
            offers.eq((left != 0) & (burst <= room)),
            request.ready.eq((left == 0) | (goes & (left == burst))),
        ]
        taken = client.words.valid & client.words.ready
        with m.If(goes):
            m.d.sync += [
                address.eq(address + burst * self.word_bytes),
                left.eq(left - burst),
                room.eq(room - burst + taken),
            ]
        with m.Else():
            m.d.sync += room.eq(room + taken)
        with m.If(request.valid & request.ready):
            m.d.sync += [address.eq(request.p.address), left.eq(request.p.words)]
            with m.If(outside_memory(request.p, self.size, self.word_bytes)):
                m.d.sync += [self.fault.eq(Fault.MEMORY), left.eq(0)]
        return burst, address

    def _words(self, m: Module, ratio: int) -> tuple[Value, Value]:
        """Put beats together to words; return the word and whether it is whole."""
        m.d.comb += self.r.ready.eq(1)
        if ratio == 1:
            return self.r.p.data, self.r.valid
        first = Signal(8 * (self.word_bytes - self.bus_bytes), reset_less=True)
        beat = Signal(range(ratio))
        word = Cat(first, self.r.p.data)
        with m.If(self.r.valid):
            m.d.sync += [first.eq(word[8 * self.bus_bytes :]), beat.eq(beat + 1)]
        return word, self.r.valid & (beat == ratio - 1)


def word_queue_words(latency: int, word_bytes: int, bus_bytes: int) -> int:
    """Words of a queue that keeps the bus busy at ``latency`` cycles."""
    beats = latency + 8
    return beats * bus_bytes // word_bytes + 2 * burst_words(word_bytes, bus_bytes)
