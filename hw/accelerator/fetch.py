"""Brings instructions from memory ahead of their use."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import SLOTS
from hw.accelerator.memory_layout import memory_read_signature

INSTRUCTION_BYTES = 4 * SLOTS
AHEAD = 8
"""Instructions that are on their way at most: more than memory's latency hides. The memory port
keeps their words until they are taken."""


class Fetch(wiring.Component):
    """Gives instructions one after the other, from ``target`` on after each ``jump``.

    Throughput is one instruction per ``64 / word_bytes + 1`` cycles. What was asked for before a
    jump is dropped when it comes. Nothing behind the end of memory is asked for: there
    ``exhausted`` tells that no instruction is to come.

    Members
    -------
    jump, target : go on at this byte of memory, a multiple of 64
    memory_size : bytes of memory
    memory : a reading client of the memory port
    o : instructions
    exhausted : the next instruction lies behind the end of memory
    """

    def __init__(self, word_bytes: int) -> None:
        self.word_bytes = word_bytes
        super().__init__({
            "jump": In(1),
            "target": In(32),
            "memory_size": In(32),
            "memory": Out(memory_read_signature(word_bytes)),
            "o": Out(stream.Signature(unsigned(8 * INSTRUCTION_BYTES))),
            "exhausted": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        parts = INSTRUCTION_BYTES // self.word_bytes
        memory, o = self.memory, self.o
        address, running, inside = Signal(32), Signal(), Signal()
        low = INSTRUCTION_BYTES.bit_length() - 1
        counts = range(AHEAD + 1)
        # Instructions asked for, and those of them from before the last jump.
        coming, stale = Signal(counts), Signal(counts)
        part = Signal(range(parts))
        gathered = Signal(8 * INSTRUCTION_BYTES, reset_less=True)
        asked, came = Signal(), Signal()
        moves = memory.words.valid & memory.words.ready
        m.d.comb += [
            # The memory port refuses what does not begin with a word.
            inside.eq(address[low:] < self.memory_size[low:]),
            memory.requests.valid.eq(running & inside & (coming != AHEAD)),
            memory.requests.p.address.eq(address),
            memory.requests.p.words.eq(parts),
            asked.eq(memory.requests.valid & memory.requests.ready),
            memory.words.ready.eq(~o.valid),
            came.eq(moves & (part == parts - 1)),
            o.payload.eq(gathered),
            self.exhausted.eq(running & ~inside & (coming == 0) & ~o.valid),
        ]
        with m.If(moves):
            m.d.sync += [
                part.eq(Mux(came, 0, part + 1)),
                gathered.eq(Cat(gathered, memory.words.payload)[-8 * INSTRUCTION_BYTES :]),
            ]
        m.d.sync += coming.eq(coming + asked - came)
        with m.If(asked):
            m.d.sync += address[low:].eq(address[low:] + 1)
        with m.If(came & (stale == 0)):
            m.d.sync += o.valid.eq(1)
        with m.Elif(o.ready):
            m.d.sync += o.valid.eq(0)
        with m.If(came & (stale != 0)):
            m.d.sync += stale.eq(stale - 1)
        with m.If(self.jump):
            m.d.sync += [
                running.eq(1),
                address.eq(self.target),
                o.valid.eq(0),
                stale.eq(coming + asked - came),
            ]
        return m
