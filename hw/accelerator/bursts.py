"""Requests of one client of the memory port, taken apart into bursts."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.axi import ADDRESS_BITS
from hw.accelerator.memory_layout import burst_words, write_request_layout
from hw.stream import Queue


def burst_layout(longest: int) -> data.StructLayout:
    """``words`` words from byte ``address`` on; ``last``: a request ends, and asked to be told."""
    return data.StructLayout({
        "address": unsigned(ADDRESS_BITS),
        "words": unsigned(longest.bit_length()),
        "last": unsigned(1),
    })


class Bursts(wiring.Component):
    """Gives the bursts of each request; none leaves its block of ``BURST_BEATS`` beats.

    A block divides 4 KiB. Latency is three cycles, throughput one burst per cycle.

    Members
    -------
    i : ``write_request_layout``
    o : ``burst_layout``
    size : bytes of memory
    outside : a request, which was dropped, leaves memory or begins inside a word
    """

    def __init__(self, word_bytes: int, bus_bytes: int) -> None:
        self.word_bytes = word_bytes
        self.longest = burst_words(word_bytes, bus_bytes)
        super().__init__({
            "i": In(stream.Signature(write_request_layout())),
            "o": Out(stream.Signature(burst_layout(self.longest))),
            "size": In(ADDRESS_BITS),
            "outside": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        request = Signal.like(self.i.payload, reset_less=True)
        asked, takes, moves = Signal(), Signal(), Signal()
        low = (self.word_bytes - 1).bit_length()
        block = low + (self.longest - 1).bit_length()
        address, left = Signal(ADDRESS_BITS, reset_less=True), Signal.like(request.words)
        # There is a request; this burst is its last one; which is to be told of.
        busy, leaves, last = Signal(), Signal(reset_less=True), Signal(reset_less=True)
        m.submodules.found = found = Queue(self.o.payload.shape(), 2)
        wiring.connect(m, found.o, wiring.flipped(self.o))
        to_end = Signal.like(found.i.p.words, reset_less=True)
        m.d.comb += [
            self.i.ready.eq(~asked | takes),
            takes.eq(~busy | (leaves & moves)),
            moves.eq(found.i.ready),
            found.i.valid.eq(busy),
            found.i.p.address.eq(address),
            found.i.p.words.eq(Mux(leaves, left, to_end)),
            found.i.p.last.eq(leaves & last),
        ]
        with m.If(self.i.ready):
            m.d.sync += [asked.eq(self.i.valid), request.eq(self.i.payload)]

        refused, first = Signal(), Signal.like(to_end)
        beyond, behind = Signal(signed(ADDRESS_BITS + 2)), Signal.like(left)
        m.d.comb += [
            # One sum, so that one chain of carries is enough.
            beyond.eq(self.size - request.address - (request.words << low)),
            refused.eq((beyond < 0) | (request.address[:low] != 0)),
            # Words up to the end of the block, which is where the next burst begins.
            first.eq(self.longest - request.address[low:block]),
            behind.eq(left - to_end),
        ]
        m.d.sync += self.outside.eq(asked & takes & refused)
        with m.If(takes):
            m.d.sync += [
                address.eq(request.address),
                to_end.eq(first),
                leaves.eq(request.words <= first),
                last.eq(request.last),
                left.eq(request.words),
                busy.eq(asked & ~refused & (request.words != 0)),
            ]
        with m.Elif(moves):
            m.d.sync += [
                address.eq(Cat(address[:block] & 0, address[block:] + 1)),
                to_end.eq(self.longest),
                left.eq(behind),
                leaves.eq(behind <= self.longest),
            ]
        return m
