"""The writing half of the memory port: words to bursts, and the answers counted."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.axi import ADDRESS_BITS, address_layout, response_layout, write_layout
from hw.accelerator.faults import FAULT_BITS, Fault
from hw.accelerator.memory_layout import (
    burst_of,
    burst_words,
    memory_write_signature,
    outside_memory,
    require_widths,
)
from hw.stream import Buffer, Queue

BURSTS = 64
"""Bursts that may be under way: enough for bursts of one word at 40 cycles of latency."""


class MemoryWrite(wiring.Component):
    """Writes a client's words and tells when the last one of a request is in memory.

    A burst is issued when all of its words are here, so whatever becomes of the client, the bus
    gets what it was promised. Throughput is one beat per cycle.

    Members
    -------
    client : ``hw.accelerator.memory_layout.memory_write_signature``
    aw, w, b : channels of the bus
    base, size : bus address of byte 0, a multiple of 4096; bytes that may be written
    halt : issue nothing more
    idle : no burst is under way
    fault : stays until the reset
    """

    def __init__(self, word_bytes: int, bus_bytes: int) -> None:
        require_widths(word_bytes, bus_bytes)
        self.word_bytes, self.bus_bytes = word_bytes, bus_bytes
        super().__init__({
            "client": In(memory_write_signature(word_bytes)),
            "aw": Out(stream.Signature(address_layout())),
            "w": Out(stream.Signature(write_layout(bus_bytes))),
            "b": In(stream.Signature(response_layout())),
            "base": In(ADDRESS_BITS),
            "size": In(ADDRESS_BITS),
            "halt": In(1),
            "idle": Out(1),
            "fault": Out(FAULT_BITS),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        longest = burst_words(self.word_bytes, self.bus_bytes)
        ratio = self.word_bytes // self.bus_bytes
        burst_shape = range(longest + 1)
        m.submodules.issued = issued = Buffer(address_layout())
        m.submodules.words = words = Queue(unsigned(8 * self.word_bytes), 2 * longest)
        m.submodules.lengths = lengths = Queue(unsigned(longest.bit_length()), BURSTS)
        m.submodules.answers = answers = Queue(unsigned(1), BURSTS)
        wiring.connect(m, issued.o, wiring.flipped(self.aw))
        wiring.connect(m, wiring.flipped(self.client.words), words.i)

        request = self.client.requests
        address, last = Signal(ADDRESS_BITS, reset_less=True), Signal(reset_less=True)
        left, burst = Signal.like(request.p.words), Signal(burst_shape)
        stored = Signal(range(2 * longest + 1))
        goes, ends = Signal(), Signal()
        m.d.comb += [
            burst.eq(burst_of(address, left, self.word_bytes, self.bus_bytes)),
            ends.eq(left == burst),
            goes.eq(
                (left != 0)
                & (burst <= stored)
                & issued.i.ready
                & lengths.i.ready
                & answers.i.ready
                & ~self.halt
            ),
            request.ready.eq((left == 0) | (goes & ends)),
            issued.i.valid.eq(goes),
            issued.i.p.addr.eq(self.base + address),
            issued.i.p.len.eq(burst * ratio - 1),
            lengths.i.valid.eq(goes),
            lengths.i.payload.eq(burst),
            answers.i.valid.eq(goes),
            answers.i.payload.eq(ends & last),
        ]
        came = words.i.valid & words.i.ready
        m.d.sync += stored.eq(stored + came - Mux(goes, burst, 0))
        with m.If(goes):
            m.d.sync += [address.eq(address + burst * self.word_bytes), left.eq(left - burst)]
        with m.If(request.valid & request.ready):
            m.d.sync += [
                address.eq(request.p.address),
                left.eq(request.p.words),
                last.eq(request.p.last),
            ]
            with m.If(outside_memory(request.p, self.size, self.word_bytes)):
                m.d.sync += [self.fault.eq(Fault.MEMORY), left.eq(0)]

        self._give(m, words.o, lengths.o, ratio)
        m.d.comb += [
            self.b.ready.eq(1),
            answers.o.ready.eq(self.b.valid),
            self.client.written.eq(self.b.valid & answers.o.valid & answers.o.payload),
            self.idle.eq(~answers.o.valid),
        ]
        with m.If(self.b.valid & self.b.p.resp[1] & (self.fault == 0)):
            m.d.sync += self.fault.eq(Fault.WRITE)
        return m

    def _give(self, m: Module, words: Any, lengths: Any, ratio: int) -> None:
        """The words of each burst, beat by beat."""
        word, beat = Signal.like(lengths.payload), Signal(range(max(2, ratio)))
        word_ends, burst_ends, moves = Signal(), Signal(), Signal()
        beats = data.ArrayLayout(unsigned(8 * self.bus_bytes), ratio)
        m.d.comb += [
            word_ends.eq(beat == ratio - 1),
            burst_ends.eq(word_ends & (word == lengths.payload - 1)),
            self.w.valid.eq(lengths.valid),
            self.w.p.data.eq(data.View(beats, words.payload)[beat]),
            self.w.p.last.eq(burst_ends),
            moves.eq(self.w.valid & self.w.ready),
            words.ready.eq(moves & word_ends),
            lengths.ready.eq(moves & burst_ends),
        ]
        with m.If(moves):
            m.d.sync += beat.eq(Mux(word_ends, 0, beat + 1))
            with m.If(word_ends):
                m.d.sync += word.eq(Mux(burst_ends, 0, word + 1))
