"""Keys and values of a head as the engine takes them, again for every block of queries."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.head_layout import empty, head_layout
from hw.accelerator.layout import COUNT_BITS, read_signature
from hw.accelerator.reader import Reader
from hw.accelerator.row_beats import RowBeats
from hw.stream import Queue


class KeyFeed(wiring.Component):
    """Per block of ``key_block`` keys: a header with the mask, the keys' rows, the values' rows.

    All of it again for every ``query_rows`` queries. Throughput is one half word per cycle.

    Members
    -------
    i : heads (``hw.accelerator.head_layout``)
    port : to the buffer
    o : half words
    waits : a word is needed and not there
    """

    def __init__(self, address_bits: int, word_bytes: int, key_block: int, query_rows: int) -> None:
        self.address_bits, self.word_bytes = address_bits, word_bytes
        self.key_block, self.query_rows = key_block, query_rows
        super().__init__({
            "i": In(stream.Signature(head_layout(address_bits))),
            "port": Out(read_signature(address_bits, word_bytes)),
            "o": Out(stream.Signature(unsigned(4 * word_bytes))),
            "waits": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        parts = data.StructLayout({"header": 1, "read": 1, "beats": 8})
        m.submodules.parts = queue = Queue(parts, 4)
        m.submodules.reader = reader = Reader(self.address_bits, self.word_bytes)
        m.submodules.beats = beats = RowBeats(self.word_bytes)
        wiring.connect(m, reader.port, wiring.flipped(self.port))
        self._ask(m, queue, reader)

        part = queue.o.p
        header = queue.o.valid & part.header
        ones = (1 << self.key_block) - 1
        m.d.comb += [
            beats.beats.eq(Mux(part.header, 1, part.beats)),
            beats.i.payload.eq(reader.o.payload),
            beats.i.valid.eq(reader.o.valid & queue.o.valid & (part.read | ~part.header)),
            reader.o.ready.eq(beats.i.ready & queue.o.valid & (part.read | ~part.header)),
            self.o.valid.eq(beats.o.valid | (header & ~part.read)),
            self.o.payload.eq(Mux(header & ~part.read, ones, beats.o.payload)),
            beats.o.ready.eq(self.o.ready),
            queue.o.ready.eq(beats.done | (header & ~part.read & self.o.ready)),
            self.waits.eq(queue.o.valid & ~self.o.valid),
        ]
        return m

    def _ask(self, m: Module, queue: Queue, reader: Reader) -> None:
        """A job of the reader for the mask, for the keys, for the values of each block."""
        p = self.i.p
        kind = Signal(2)  # 0: mask, 1: keys, 2: values
        block, first_key, first_query = Signal(COUNT_BITS), Signal(COUNT_BITS), Signal(COUNT_BITS)
        key_row, value_row = Signal(self.address_bits), Signal(self.address_bits)
        left, count = Signal(COUNT_BITS), Signal(COUNT_BITS)
        reads, moved, last_block, last_query = Signal(), Signal(), Signal(), Signal()
        job = reader.jobs
        asks = self.i.valid & ~empty(p)
        m.d.comb += [
            left.eq(p.key_count - first_key),
            count.eq(Mux(left < self.key_block, left, self.key_block)),
            last_block.eq(left <= self.key_block),
            last_query.eq(p.query_count - first_query <= self.query_rows),
            reads.eq((kind != 0) | p.masked),
            job.valid.eq(asks & reads & queue.i.ready),
            queue.i.valid.eq(asks & (~reads | job.ready)),
            queue.i.p.header.eq(kind == 0),
            queue.i.p.read.eq(reads),
            queue.i.p.beats.eq(p.beats),
            moved.eq(queue.i.valid & queue.i.ready),
            job.p.rows.eq(count),
            job.p.words.eq((p.beats + 1) >> 1),
            self.i.ready.eq(empty(p) | (moved & (kind == 2) & last_block & last_query)),
        ]
        with m.If(kind == 0):
            m.d.comb += [job.p.base.eq(p.mask + block), job.p.rows.eq(1), job.p.words.eq(1)]
        with m.Elif(kind == 1):
            m.d.comb += [job.p.base.eq(p.keys + key_row), job.p.stride.eq(p.keys_stride)]
        with m.Else():
            m.d.comb += [job.p.base.eq(p.values + value_row), job.p.stride.eq(p.values_stride)]
        with m.If(moved):
            m.d.sync += kind.eq(Mux(kind == 2, 0, kind + 1))
            with m.If(kind == 2):
                m.d.sync += [
                    block.eq(Mux(last_block, 0, block + 1)),
                    first_key.eq(Mux(last_block, 0, first_key + self.key_block)),
                    key_row.eq(Mux(last_block, 0, key_row + p.keys_stride * self.key_block)),
                    value_row.eq(Mux(last_block, 0, value_row + p.values_stride * self.key_block)),
                ]
                with m.If(last_block):
                    m.d.sync += first_query.eq(Mux(last_query, 0, first_query + self.query_rows))
