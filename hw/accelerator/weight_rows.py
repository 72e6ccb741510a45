"""Rows of codes in the buffer as words of weights: keys and values that stay in the cores."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import COUNT_BITS, read_signature
from hw.accelerator.reader import AHEAD
from hw.accelerator.transposer import Transposer
from hw.stream import Queue


def weight_job_layout(address_bits: int, cores: int) -> data.StructLayout:
    """``rows`` rows of codes, ``stride`` words from one to the next, for k_tiles * tiles tiles."""
    return data.StructLayout({
        "codes": unsigned(address_bits),
        "stride": unsigned(address_bits),
        "rows": unsigned(COUNT_BITS),
        "k_tiles": unsigned(16),
        "tiles": unsigned(cores.bit_length()),
        "transposed": unsigned(1),
        "second": unsigned(1),
    })


class WeightRows(wiring.Component):
    """For each k, for each tile its words, in the order of ``hw.accelerator.weight_unit``.

    Lane l of tile (k, t) is half word t of row ``k * W + l``, or half word t + 1 with ``second``.
    Transposed, column c is word k of row ``t * W / 2 + c``. Behind the last row weights are zero,
    and nothing is read.

    A row is read in a cycle, half a word of it counts if it is not transposed: a word of weights
    takes two cycles then, and one otherwise, with ``W / 2`` more for the last tile to leave.

    Members
    -------
    jobs : ``weight_job_layout``
    port : to the buffer
    o : words of weights
    """

    def __init__(self, address_bits: int, word_bytes: int, cores: int) -> None:
        self.address_bits, self.word_bytes, self.cores = address_bits, word_bytes, cores
        super().__init__({
            "jobs": In(stream.Signature(weight_job_layout(address_bits, cores))),
            "port": Out(read_signature(address_bits, word_bytes)),
            "o": Out(stream.Signature(unsigned(8 * word_bytes))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        layout = data.StructLayout({"real": 1, "second": 1, "transposed": 1, "more": 1})
        m.submodules.marks = marks = Queue(layout, AHEAD)
        m.submodules.transposer = transposer = Transposer(self.word_bytes)
        self._ask(m, marks.i)
        self._give(m, marks.o, transposer)
        return m

    def _ask(self, m: Module, mark: Any) -> None:
        """Walk over the rows of every tile: a request for each, and a mark for what comes."""
        job = Signal(self.jobs.payload.shape(), reset_less=True)
        active, moves = Signal(), Signal()
        k, tile = Signal(16), Signal(self.cores.bit_length())
        half = tile + job.second
        step = Signal(range(self.word_bytes))
        # The row at hand, and that which the tiles of this k begin with if they share their rows.
        row, line = Signal(COUNT_BITS + 1), Signal(self.address_bits)
        first_row, first_line = Signal.like(row), Signal.like(line)
        last_step, last_tile, last_k, real = Signal(), Signal(), Signal(), Signal()
        rows_of_tile = Mux(job.transposed, self.word_bytes // 2, self.word_bytes)
        m.d.comb += [
            last_step.eq(step == rows_of_tile - 1),
            last_tile.eq(tile == job.tiles - 1),
            last_k.eq(k == job.k_tiles - 1),
            real.eq(row < job.rows),
            self.port.requests.valid.eq(active & real & mark.ready),
            self.port.requests.payload.eq(line + Mux(job.transposed, k, half >> 1)),
            mark.valid.eq(active & (~real | self.port.requests.ready)),
            mark.p.real.eq(real),
            mark.p.second.eq(half[0]),
            mark.p.transposed.eq(job.transposed),
            mark.p.more.eq(~(last_tile & last_k)),
            moves.eq(mark.valid & mark.ready),
            self.jobs.ready.eq(~active),
        ]
        next_row, next_line = row + 1, line + job.stride
        with m.If(moves):
            m.d.sync += [
                step.eq(Mux(last_step, 0, step + 1)),
                row.eq(next_row),
                line.eq(next_line),
            ]
            with m.If(last_step):
                m.d.sync += tile.eq(Mux(last_tile, 0, tile + 1))
                with m.If(job.transposed & last_tile):
                    m.d.sync += [row.eq(0), line.eq(job.codes)]
                with m.If(~job.transposed & ~last_tile):
                    m.d.sync += [row.eq(first_row), line.eq(first_line)]
                with m.If(last_tile):
                    m.d.sync += [
                        k.eq(Mux(last_k, 0, k + 1)),
                        active.eq(~last_k),
                        first_row.eq(next_row),
                        first_line.eq(next_line),
                    ]
        with m.If(self.jobs.valid & self.jobs.ready):
            m.d.sync += [
                active.eq(1),
                job.eq(self.jobs.payload),
                row.eq(0),
                first_row.eq(0),
                line.eq(self.jobs.p.codes),
                first_line.eq(self.jobs.p.codes),
            ]

    def _give(self, m: Module, mark: Any, transposer: Transposer) -> None:
        """Two halves are a word; or the transposer makes words of words."""
        half = 4 * self.word_bytes
        words, o = self.port.words, self.o
        there, plain, taken, odd = Signal(), Signal(), Signal(), Signal()
        word, kept, part = Signal(2 * half), Signal(half), Signal(half)
        m.d.comb += [
            there.eq(mark.valid & (words.valid | ~mark.p.real)),
            word.eq(Mux(mark.p.real, words.payload, 0)),
            part.eq(Mux(mark.p.second, word[half:], word[:half])),
            # What was turned over before goes first.
            plain.eq(there & ~mark.p.transposed & ~transposer.holds),
            transposer.i.valid.eq(there & mark.p.transposed),
            transposer.i.p.data.eq(word),
            transposer.i.p.more.eq(mark.p.more),
            transposer.o.ready.eq(o.ready),
            o.valid.eq(transposer.o.valid | (plain & odd)),
            o.payload.eq(Mux(transposer.holds, transposer.o.payload, Cat(kept, part))),
            taken.eq(Mux(mark.p.transposed, there & transposer.i.ready, plain & (o.ready | ~odd))),
            mark.ready.eq(taken),
            words.ready.eq(taken & mark.p.real),
        ]
        with m.If(plain & taken):
            m.d.sync += odd.eq(~odd)
            with m.If(~odd):
                m.d.sync += kept.eq(part)
