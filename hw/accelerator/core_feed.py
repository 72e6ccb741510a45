"""What enters the cores of an instruction: vectors of codes, and the scales of their rows."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.core_passes import group_rows, last_group, last_rows, members, pass_layout
from hw.accelerator.layout import COUNT_BITS, read_signature
from hw.accelerator.reader import Reader
from hw.accelerator.relay import Relay
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
        # Passes are more than two cycles apart, so a place for one is enough.
        m.submodules.asked = asked = Queue(layout, 1)
        m.submodules.given = given = Queue(layout, 1)
        m.submodules.vectors = vectors = Relay(self.o.payload.shape())
        m.submodules.reader = reader = Reader(self.address_bits, self.word_bytes)
        wiring.connect(m, wiring.flipped(self.i), fork.i)
        wiring.connect(m, fork.o[0], asked.i)
        wiring.connect(m, fork.o[1], given.i)
        wiring.connect(m, reader.port, wiring.flipped(self.port))
        self._ask(m, asked.o, reader)
        self._give(m, given.o, reader.o, vectors.i)
        wiring.connect(m, vectors.o, wiring.flipped(self.o))
        return m

    def _ask(self, m: Module, asked: Any, reader: Reader) -> None:
        """One job of the reader per tile of K."""
        k = Signal(16)
        job, p = reader.jobs, asked.p
        last = ONCE if self.headers else (k == p.last_k)
        moved = job.valid & job.ready
        m.d.comb += [
            job.valid.eq(asked.valid & ~p.empty),
            job.p.base.eq(p.scales if self.headers else p.codes + k),
            job.p.stride.eq(p.stride),
            job.p.rows.eq(p.rows),
            job.p.words.eq(1),
            asked.ready.eq(p.empty | (job.ready & last)),
        ]
        if not self.headers:
            with m.If(moved):
                m.d.sync += k.eq(Mux(last, 0, k + 1))

    def _give(self, m: Module, given: Any, word: Any, o: Any) -> None:
        """Each row to the cores of its row group."""
        p = given.p
        kept = Signal(p.shape(), reset_less=True)
        active, moves, ends = Signal(), Signal(), Signal()
        # Row groups have their rows in turn: ``left`` of them behind this one, in each group.
        last_left, left = Signal(COUNT_BITS, reset_less=True), Signal(COUNT_BITS, reset_less=True)
        lasts, single = Signal(reset_less=True), Signal(reset_less=True)
        row, k = Signal(COUNT_BITS), Signal(16)
        groups = last_group(p.groups)
        group, last_of_all, owners = (
            Signal(groups.shape(), name=name) for name in ("group", "last_of_all", "owners")
        )
        # What the last row, group and tile of K are is told a step ahead.
        filled, group_ends, last_row, k_ends = Signal(), Signal(), Signal(), Signal()
        last = ONCE if self.headers else k_ends
        m.d.comb += [
            last_row.eq(lasts & group_ends),
            o.valid.eq(active & (filled | word.valid)),
            o.p.cores.eq(Cat(members(self.cores, kept.tiles, kept.groups, group))),
            moves.eq(o.valid & o.ready),
            ends.eq(moves & last_row & last),
            word.ready.eq(o.ready & active & ~filled),
            given.ready.eq(~active | ends),
            self.waits.eq(active & ~filled & ~word.valid),
        ]
        with m.If(moves):
            m.d.sync += [
                group.eq(Mux(group_ends, 0, group + 1)),
                group_ends.eq(Mux(group_ends, last_of_all == 0, group + 1 == last_of_all)),
                # No row group behind the last owner of a row has one.
                filled.eq(~group_ends & lasts & (filled | (group + 1 == owners))),
            ]
            with m.If(group_ends):
                m.d.sync += [
                    row.eq(Mux(lasts, 0, row + 1)),
                    left.eq(Mux(lasts, last_left, left - 1)),
                    lasts.eq(Mux(lasts, single, left == 1)),
                ]
            with m.If(last_row):
                m.d.sync += [k.eq(Mux(last, 0, k + 1)), k_ends.eq(k + 1 == kept.last_k)]
        with m.If(given.ready):
            m.d.sync += active.eq(given.valid & ~p.empty)
            with m.If(given.valid):
                rows = group_rows(p)
                m.d.sync += [
                    kept.eq(p),
                    *(one.eq(rows - 1) for one in (left, last_left)),
                    *(one.eq(rows == 1) for one in (lasts, single)),
                    last_of_all.eq(groups),
                    group_ends.eq(groups == 0),
                    k_ends.eq(p.last_k == 0),
                    owners.eq(last_rows(p)),
                ]
        content = Mux(filled, 0, word.p.data)
        if self.headers:
            m.d.comb += o.p.scale.eq(content)
            return
        m.d.comb += [
            o.p.data.eq(content),
            o.p.set.eq(kept.set + k),
            o.p.row.eq(row),
            o.p.signed.eq(~kept.unsigned),
            o.p.first.eq(k == 0),
            o.p.last.eq(last),
            o.p.release.eq(lasts & ~kept.keep),
        ]
