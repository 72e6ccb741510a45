"""Keys and values of a head as the engine takes them, again for every block of queries."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import ceil_log2
from hw.accelerator.head_layout import head_layout
from hw.accelerator.layout import COUNT_BITS, read_signature
from hw.accelerator.reader import Reader
from hw.accelerator.row_beats import RowBeats
from hw.stream import Buffer, Queue


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
        parts = data.StructLayout({"header": 1, "read": 1, "last_beat": 8, "single": 1})
        m.submodules.parts = queue = Queue(parts, 4)
        m.submodules.part = here = Buffer(parts)
        wiring.connect(m, queue.o, here.i)
        m.submodules.reader = reader = Reader(self.address_bits, self.word_bytes)
        m.submodules.beats = beats = RowBeats(self.word_bytes)
        wiring.connect(m, reader.port, wiring.flipped(self.port))
        self._ask(m, queue, reader)

        part = here.o.p
        header = here.o.valid & part.header
        reads = here.o.valid & (part.read | ~part.header)
        ones = (1 << self.key_block) - 1
        m.d.comb += [
            beats.last_beat.eq(part.last_beat),
            beats.single.eq(part.single),
            beats.i.payload.eq(reader.o.payload),
            beats.i.valid.eq(reader.o.valid & reads),
            reader.o.ready.eq(beats.i.ready & reads),
            self.o.valid.eq(beats.o.valid | (header & ~part.read)),
            self.o.payload.eq(Mux(header & ~part.read, ones, beats.o.payload)),
            beats.o.ready.eq(self.o.ready),
            here.o.ready.eq(beats.done | (header & ~part.read & self.o.ready)),
            self.waits.eq(here.o.valid & ~self.o.valid),
        ]
        return m

    def _ask(self, m: Module, queue: Queue, reader: Reader) -> None:
        """A job of the reader for the mask, for the keys, for the values of each block."""
        blocks = (self.i.p.key_count - 1)[:COUNT_BITS]
        key_bits = ceil_log2(self.key_block)
        m.submodules.head = head = Queue(
            data.StructLayout({
                "head": self.i.p.shape(),
                "last_keys": max(1, key_bits),
                "later_blocks": COUNT_BITS - key_bits,
                "single": 1,
            }),
            1,
        )
        p, heads = head.o.p.head, head.o
        m.submodules.read_jobs = jobs = Queue(reader.jobs.p.shape(), 1)
        wiring.connect(m, jobs.o, reader.jobs)
        kind = Signal(2)  # 0: mask, 1: keys, 2: values
        block, later_blocks = Signal(self.address_bits), Signal(COUNT_BITS - key_bits)
        following_queries = Signal(COUNT_BITS + 1, init=self.query_rows)
        key_row, value_row = Signal(self.address_bits), Signal(self.address_bits)
        reads, moved, last_block, last_query = Signal(), Signal(), Signal(), Signal()
        job = jobs.i
        asks = heads.valid & ~p.empty
        m.d.comb += [
            head.i.valid.eq(self.i.valid),
            self.i.ready.eq(head.i.ready),
            head.i.p.head.eq(self.i.p),
            head.i.p.last_keys.eq(blocks[:key_bits]),
            head.i.p.later_blocks.eq(blocks[key_bits:]),
            head.i.p.single.eq(blocks[key_bits:] == 0),
            last_query.eq(p.query_count <= following_queries),
            reads.eq((kind != 0) | p.masked),
            job.valid.eq(asks & reads & queue.i.ready),
            queue.i.valid.eq(asks & (~reads | job.ready)),
            queue.i.p.header.eq(kind == 0),
            queue.i.p.read.eq(reads),
            queue.i.p.last_beat.eq(Mux(kind == 0, 0, p.beats - 1)),
            queue.i.p.single.eq((kind == 0) | (p.beats == 1)),
            moved.eq(queue.i.valid & queue.i.ready),
            job.p.rows.eq(Mux(last_block, heads.p.last_keys + 1, self.key_block)),
            job.p.words.eq((p.beats + 1) >> 1),
            heads.ready.eq(p.empty | (moved & (kind == 2) & last_block & last_query)),
        ]
        base, offset = Signal(self.address_bits), Signal(self.address_bits)
        m.d.comb += job.p.base.eq(base + offset)
        with m.If(kind == 0):
            m.d.comb += [base.eq(p.mask), offset.eq(block), job.p.rows.eq(1), job.p.words.eq(1)]
        with m.Elif(kind == 1):
            m.d.comb += [base.eq(p.keys), offset.eq(key_row), job.p.stride.eq(p.keys_stride)]
        with m.Else():
            m.d.comb += [base.eq(p.values), offset.eq(value_row), job.p.stride.eq(p.values_stride)]
        with m.If(moved):
            m.d.sync += kind.eq(Mux(kind == 2, 0, kind + 1))
            with m.If(kind == 2):
                m.d.sync += [
                    block.eq(Mux(last_block, 0, block + 1)),
                    later_blocks.eq(Mux(last_block, heads.p.later_blocks, later_blocks - 1)),
                    last_block.eq(Mux(last_block, heads.p.single, later_blocks == 1)),
                    key_row.eq(Mux(last_block, 0, key_row + p.keys_stride * self.key_block)),
                    value_row.eq(Mux(last_block, 0, value_row + p.values_stride * self.key_block)),
                ]
                with m.If(last_block):
                    rows = self.query_rows
                    m.d.sync += following_queries.eq(
                        Mux(last_query, rows, following_queries + rows)
                    )
        with m.If(head.i.valid & head.i.ready):
            m.d.sync += [later_blocks.eq(blocks[key_bits:]), last_block.eq(head.i.p.single)]
