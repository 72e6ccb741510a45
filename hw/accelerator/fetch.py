"""Brings instructions from memory ahead of their use."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import SLOTS
from hw.accelerator.memory_layout import memory_read_signature

INSTRUCTION_BYTES = 4 * SLOTS
AHEAD = 8
"""Instructions that are asked for before they are taken: more than memory's latency hides."""


class Fetch(wiring.Component):
    """Gives instructions one after the other, from ``target`` on after each ``jump``.

    Throughput is one instruction per ``64 / word_bytes`` cycles. What was asked for before a jump
    is dropped when it comes. Nothing behind the end of memory is asked for: there ``exhausted``
    tells that no instruction is to come.

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
        m.submodules.storage = storage = Memory(
            shape=unsigned(8 * INSTRUCTION_BYTES), depth=AHEAD, init=[]
        )
        write, read = storage.write_port(), storage.read_port(domain="comb")
        memory = self.memory
        address, running, inside = Signal(32), Signal(), Signal()
        counts = range(AHEAD + 1)
        # Instructions asked for; those of them from before the last jump; those that wait here.
        coming, stale, held = Signal(counts), Signal(counts), Signal(counts)
        part = Signal(range(parts))
        gathered = Signal(8 * INSTRUCTION_BYTES, reset_less=True)
        whole = Cat(gathered, memory.words.payload)[-8 * INSTRUCTION_BYTES :]
        asked, came, good, taken = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            inside.eq(address + INSTRUCTION_BYTES <= self.memory_size),
            memory.requests.valid.eq(running & inside & (coming + held < AHEAD)),
            memory.requests.p.address.eq(address),
            memory.requests.p.words.eq(parts),
            asked.eq(memory.requests.valid & memory.requests.ready),
            memory.words.ready.eq(1),
            came.eq(memory.words.valid & (part == parts - 1)),
            good.eq(came & (stale == 0)),
            write.en.eq(good),
            write.data.eq(whole),
            self.o.valid.eq(held != 0),
            self.o.payload.eq(read.data),
            taken.eq(self.o.valid & self.o.ready),
            self.exhausted.eq(running & ~inside & (coming == 0) & (held == 0)),
        ]
        with m.If(memory.words.valid):
            m.d.sync += [part.eq(Mux(came, 0, part + 1)), gathered.eq(whole)]
        with m.If(asked):
            m.d.sync += address.eq(address + INSTRUCTION_BYTES)
        for port, moves in ((write, good), (read, taken)):
            place = Signal(range(AHEAD))
            m.d.comb += port.addr.eq(place)
            with m.If(moves):
                m.d.sync += place.eq(place + 1)
            with m.If(self.jump):
                m.d.sync += place.eq(0)
        m.d.sync += [coming.eq(coming + asked - came), held.eq(held + good - taken)]
        with m.If(came & (stale != 0)):
            m.d.sync += stale.eq(stale - 1)
        with m.If(self.jump):
            m.d.sync += [
                running.eq(1),
                address.eq(self.target),
                held.eq(0),
                stale.eq(coming + asked - came),
            ]
        return m
