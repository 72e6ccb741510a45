"""The writing half of the memory port: words to bursts, and the answers counted."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.axi import (
    ADDRESS_BITS,
    BOUNDARY,
    address_layout,
    response_layout,
    write_layout,
)
from hw.accelerator.bursts import Bursts
from hw.accelerator.faults import FAULT_BITS, Fault
from hw.accelerator.memory_layout import (
    burst_words,
    memory_write_signature,
    require_widths,
)
from hw.stream import Buffer, Queue

_PAGE = BOUNDARY.bit_length() - 1


class MemoryWrite(wiring.Component):
    """Writes a client's words and tells when the last one of a request is in memory.

    A burst is issued when all of its words are here, so whatever becomes of the client, the bus
    gets what it was promised. Throughput is one beat per cycle, and a burst in two cycles.

    Parameters
    ----------
    bursts : that may be under way

    Members
    -------
    client : ``hw.accelerator.memory_layout.memory_write_signature``
    aw, w, b : channels of the bus
    base, size : bus address of byte 0, a multiple of 4096; bytes that may be written
    halt : issue nothing more
    idle : no burst is under way
    fault : stays until the reset
    """

    def __init__(self, word_bytes: int, bus_bytes: int, bursts: int) -> None:
        require_widths(word_bytes, bus_bytes)
        self.word_bytes, self.bus_bytes, self.bursts = word_bytes, bus_bytes, bursts
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
        m.submodules.issued = issued = Buffer(address_layout())
        m.submodules.words = words = Queue(unsigned(8 * self.word_bytes), 2 * longest)
        m.submodules.bursts = bursts = Bursts(self.word_bytes, self.bus_bytes)
        m.submodules.lengths = lengths = Queue(bursts.o.p.words.shape(), self.bursts)
        m.submodules.answers = answers = Queue(unsigned(1), self.bursts)
        wiring.connect(m, issued.o, wiring.flipped(self.aw))
        wiring.connect(m, wiring.flipped(self.client.words), words.i)
        wiring.connect(m, wiring.flipped(self.client.requests), bursts.i)

        burst = bursts.o.p
        stored = Signal(range(2 * longest + 1))
        # All words of the burst at hand are here, once it has stood here for a cycle.
        whole, goes = Signal(), Signal()
        m.d.comb += [
            bursts.size.eq(self.size),
            bursts.o.ready.eq(goes),
            goes.eq(whole & ~issued.o.valid & lengths.i.ready & answers.i.ready & ~self.halt),
            issued.i.valid.eq(goes),
            issued.i.p.addr.eq(
                Cat(burst.address[:_PAGE], burst.address[_PAGE:] + self.base[_PAGE:])
            ),
            issued.i.p.len.eq(burst.words * ratio - 1),
            lengths.i.valid.eq(goes),
            lengths.i.payload.eq(burst.words),
            answers.i.valid.eq(goes),
            answers.i.payload.eq(burst.last),
        ]
        came = words.i.valid & words.i.ready
        with m.If(goes):
            m.d.sync += stored.eq(stored + came - burst.words)
        with m.Else():
            m.d.sync += stored.eq(stored + came)
        m.d.sync += whole.eq(bursts.o.valid & ~goes & (burst.words <= stored))
        with m.If(bursts.outside):
            m.d.sync += self.fault.eq(Fault.MEMORY)

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
        left, final = Signal.like(lengths.payload), Signal()
        beat = Signal(range(max(2, ratio)))
        word_ends, burst_ends, moves = Signal(), Signal(), Signal()
        beats = data.ArrayLayout(unsigned(8 * self.bus_bytes), ratio)
        m.d.comb += [
            word_ends.eq(beat == ratio - 1),
            burst_ends.eq(word_ends & final),
            self.w.valid.eq(left != 0),
            self.w.p.data.eq(data.View(beats, words.payload)[beat]),
            self.w.p.last.eq(burst_ends),
            moves.eq(self.w.valid & self.w.ready),
            words.ready.eq(moves & word_ends),
            lengths.ready.eq((left == 0) | (moves & burst_ends)),
        ]
        with m.If(moves):
            m.d.sync += beat.eq(Mux(word_ends, 0, beat + 1))
        with m.If(lengths.ready):
            m.d.sync += [
                left.eq(Mux(lengths.valid, lengths.payload, 0)),
                final.eq(lengths.payload == 1),
            ]
        with m.Elif(moves & word_ends):
            m.d.sync += [left.eq(left - 1), final.eq(left == 2)]
