"""What enters the cores of an instruction: vectors of codes, and the scales of their rows."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.core_passes import last_group, members, padded_rows, pass_layout
from hw.accelerator.layout import read_signature
from hw.accelerator.reader import Reader
from hw.stream import Fork, Queue


def vector_layout(cores: int, word_bytes: int, row_bits: int, set_bits: int) -> data.StructLayout:
    """A vector for the ``cores`` of a row group; see ``hw.core.layout.input_layout``."""
    return data.StructLayout({
        "cores": unsigned(cores),
        "data": unsigned(8 * word_bytes),
        "set": unsigned(set_bits),
        "row": unsigned(row_bits),
        "signed": unsigned(1),
        "first": unsigned(1),
        "last": unsigned(1),
        "release": unsigned(1),
    })


def scale_layout(cores: int) -> data.StructLayout:
    """The row scale, as a header word's lowest bits have it, for the cores of a row group."""
    return data.StructLayout({"cores": unsigned(cores), "scale": unsigned(32)})


ONCE = Const(1)
"""A header word is read for the one tile of K that ends the sums."""


class CoreFeed(wiring.Component):
    """Reads every row once per tile of K, or its header word once, for the row groups in turn.

    The last rows are filled up, so that each row group has as many and releases its sets: what
    comes of them is dropped behind the cores. Throughput is one word per cycle.

    Parameters
    ----------
    headers : reads header words, else codes

    Members
    -------
    i : passes (``hw.accelerator.core_passes``)
    port : to the buffer
    o : ``vector_layout``, or with ``headers`` ``scale_layout``
    waits : a word is needed and not there
    """

    def __init__(
        self, cores: int, address_bits: int, word_bytes: int, vector: data.StructLayout
    ) -> None:
        self.cores, self.address_bits, self.word_bytes = cores, address_bits, word_bytes
        self.headers = "scale" in vector.members
        super().__init__({
            "i": In(stream.Signature(pass_layout(address_bits))),
            "port": Out(read_signature(address_bits, word_bytes)),
            "o": Out(stream.Signature(vector)),
            "waits": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        layout = self.i.payload.shape()
        m.submodules.fork = fork = Fork(layout, 2)
        m.submodules.asked = asked = Queue(layout, 2)
        m.submodules.given = given = Queue(layout, 2)
        m.submodules.reader = reader = Reader(self.address_bits, self.word_bytes)
        wiring.connect(m, wiring.flipped(self.i), fork.i)
        wiring.connect(m, fork.o[0], asked.i)
        wiring.connect(m, fork.o[1], given.i)
        wiring.connect(m, reader.port, wiring.flipped(self.port))
        self._ask(m, asked.o, reader)
        self._give(m, given.o, reader)
        return m

    def _ask(self, m: Module, asked: Any, reader: Reader) -> None:
        """One job of the reader per tile of K."""
        k = Signal(16)
        job, p = reader.jobs, asked.p
        empty = p.rows == 0
        last = ONCE if self.headers else (k == p.k_tiles - 1)
        moved = job.valid & job.ready
        m.d.comb += [
            job.valid.eq(asked.valid & ~empty),
            job.p.base.eq(p.scales if self.headers else p.codes + k),
            job.p.stride.eq(p.stride),
            job.p.rows.eq(p.rows),
            job.p.words.eq(1),
            asked.ready.eq(empty | (job.ready & last)),
        ]
        if not self.headers:
            with m.If(moved):
                m.d.sync += k.eq(Mux(last, 0, k + 1))

    def _give(self, m: Module, given: Any, reader: Reader) -> None:
        """Each row to the cores of its row group."""
        p, word, o = given.p, reader.o, self.o
        row, k, group = Signal(17), Signal(16), Signal(4)
        padded, filled = Signal(17), Signal()
        last_row, ends = Signal(), Signal()
        last = ONCE if self.headers else (k == p.k_tiles - 1)
        group_ends = group == last_group(p.groups)
        m.d.comb += [
            padded.eq(padded_rows(p.rows, p.groups)),
            filled.eq(row >= p.rows),
            last_row.eq(row == padded - 1),
            ends.eq(last_row & last),
            o.valid.eq(given.valid & (p.rows != 0) & (filled | word.valid)),
            o.p.cores.eq(Cat(members(self.cores, p.tiles, p.groups, group))),
            word.ready.eq(o.ready & given.valid & (p.rows != 0) & ~filled),
            given.ready.eq((p.rows == 0) | (o.valid & o.ready & ends)),
            self.waits.eq(given.valid & (p.rows != 0) & ~filled & ~word.valid),
        ]
        with m.If(o.valid & o.ready):
            m.d.sync += [
                row.eq(Mux(last_row, 0, row + 1)),
                group.eq(Mux(group_ends, 0, group + 1)),
            ]
            with m.If(last_row):
                m.d.sync += k.eq(Mux(last, 0, k + 1))
        content = Mux(filled, 0, word.p.data)
        if self.headers:
            m.d.comb += o.p.scale.eq(content)
            return
        m.d.comb += [
            o.p.data.eq(content),
            o.p.set.eq(p.set + k),
            o.p.row.eq(row >> p.groups),
            o.p.signed.eq(~p.unsigned),
            o.p.first.eq(k == 0),
            o.p.last.eq(last),
            o.p.release.eq((row + last_group(p.groups) + 1 > padded - 1) & ~p.keep),
        ]
