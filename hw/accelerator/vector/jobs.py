"""Read jobs of an instruction: whole rows in one, or word by word where rows are folded."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import read_job_layout
from hw.accelerator.row_walk import walk_rows


def place_layout(address_bits: int, word_bytes: int) -> data.StructLayout:
    """Where a job begins, and its ``tail``."""
    fields = read_job_layout(address_bits, word_bytes).members
    return data.StructLayout({name: fields[name] for name in ("base", "tail")})


class Jobs(wiring.Component):
    """The words of ``rows`` one after the other, each the place of a job of its own.

    Latency is one cycle, throughput one job per cycle, the next rows without a gap.

    Members
    -------
    rows : ``hw.accelerator.layout.read_job_layout``
    o : ``place_layout``; the last place of a row with the ``tail`` of ``rows``, others without
    """

    def __init__(self, address_bits: int, word_bytes: int) -> None:
        self.address_bits = address_bits
        sizes = (address_bits, word_bytes)
        super().__init__({
            "rows": In(stream.Signature(read_job_layout(*sizes))),
            "o": Out(stream.Signature(place_layout(*sizes))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        moves = Signal()
        walk = walk_rows(m, self.rows, moves, self.address_bits)
        m.d.comb += [
            self.o.valid.eq(walk.active),
            self.o.p.base.eq(walk.address),
            self.o.p.tail.eq(Mux(walk.last, walk.job.tail, 0)),
            moves.eq(self.o.valid & self.o.ready),
        ]
        return m
