"""The store unit: rows from the buffer to memory."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hw.accelerator.axi import ADDRESS_BITS
from hw.accelerator.checked import Checked
from hw.accelerator.faults import Fault
from hw.accelerator.layout import COUNT_BITS, read_signature, unit_members
from hw.accelerator.memory_layout import memory_write_signature
from hw.accelerator.reader import Reader

AHEAD = 15
"""Instructions whose writes may be under way."""


class StoreUnit(wiring.Component):
    """``memory[address + n * stride + i * W] = buffer[of + n * of_stride + i]`` for count 0 rows.

    An instruction completes when memory has answered its last write; later ones go on meanwhile.
    Throughput is one word per cycle.

    Members
    -------
    instructions, completed, fault, busy, input_stalled, output_stalled : as every unit has
    memory_stalled : a word waits for the memory port
    memory : the client of the memory port that writes
    port : port of the buffer that rows are read from
    """

    def __init__(self, buffer_words: int, word_bytes: int) -> None:
        self.buffer_words, self.word_bytes = buffer_words, word_bytes
        self.address_bits = (buffer_words - 1).bit_length()
        super().__init__({
            **unit_members(),
            "memory_stalled": Out(1),
            "memory": Out(memory_write_signature(word_bytes)),
            "port": Out(read_signature(self.address_bits, word_bytes)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.checked = checked = Checked(self.buffer_words)
        m.submodules.reader = reader = Reader(self.address_bits, self.word_bytes)
        wiring.connect(m, wiring.flipped(self.instructions), checked.i)
        wiring.connect(m, reader.port, wiring.flipped(self.port))
        words, request = self.memory.words, self.memory.requests
        given = checked.o.p
        rows = given.counts[0]
        address, stride, length, of, of_stride = list(given.slots)[:5]
        job = reader.jobs
        under_way, left = Signal(range(AHEAD + 1)), Signal(COUNT_BITS)
        row_address, step = Signal(ADDRESS_BITS), Signal(ADDRESS_BITS)
        row_words, last, walk = Signal(COUNT_BITS), Signal(), checked.walks[0]
        asking, empty, single, goes = Signal(), Signal(), Signal(), Signal()
        begins, nothing = Signal(), Signal()
        m.d.comb += [
            words.valid.eq(reader.o.valid),
            words.payload.eq(reader.o.p.data),
            reader.o.ready.eq(words.ready),
            request.valid.eq(asking),
            request.p.address.eq(row_address),
            request.p.words.eq(row_words),
            request.p.last.eq(last),
            walk.base.eq(of),
            walk.stride.eq(of_stride),
            walk.rows.eq(rows),
            walk.words.eq(length),
            checked.needs.eq(~empty),
            job.p.base.eq(of),
            job.p.stride.eq(of_stride),
            job.p.rows.eq(rows),
            job.p.words.eq(length),
            self.completed.eq(self.memory.written | nothing),
            self.busy.eq(under_way != 0),
            self.memory_stalled.eq(self.busy & ~reader.o.valid & ~self.port.requests.valid),
            self.input_stalled.eq(self.busy & ~reader.o.valid & self.port.requests.valid),
            self.output_stalled.eq(words.valid & ~words.ready),
        ]
        m.d.sync += [
            under_way.eq(under_way + begins - self.memory.written),
            empty.eq((rows == 0) | (length == 0)),
            single.eq(rows == 1),
        ]
        with m.If(request.valid & request.ready):
            m.d.sync += [
                row_address.eq(row_address + step),
                left.eq(left - 1),
                last.eq(left == 2),
                asking.eq(~last),
            ]
        # What is empty completes in its turn: when nothing is before it.
        room = Mux(empty, under_way == 0, checked.outside | (job.ready & (under_way != AHEAD)))
        m.d.sync += goes.eq(checked.o.valid & ~goes & ~asking & room & (self.fault == 0))
        with m.If(goes):
            with m.If(empty):
                m.d.comb += [checked.o.ready.eq(1), nothing.eq(1)]
            with m.Elif(checked.outside):
                m.d.sync += self.fault.eq(Fault.BUFFER)
            with m.Else():
                m.d.comb += [checked.o.ready.eq(1), begins.eq(1), job.valid.eq(1)]
                m.d.sync += [
                    row_address.eq(address),
                    row_words.eq(length),
                    step.eq(stride),
                    left.eq(rows),
                    last.eq(single),
                    asking.eq(1),
                ]
        return m
