"""Read jobs of an instruction: whole rows in one, or word by word where rows are folded."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import read_job_layout
from hw.accelerator.row_walk import walk_rows
from hw.accelerator.vector.decode import final_beat
from hw.accelerator.vector.plan import VectorPlan


def place_layout(address_bits: int, word_bytes: int) -> data.StructLayout:
    """Where a job begins, and its ``tail``."""
    fields = read_job_layout(address_bits, word_bytes).members
    return data.StructLayout({name: fields[name] for name in ("base", "tail")})


class Jobs(wiring.Component):
    """The words of ``rows`` one after the other, each the place of a job of its own.

    Latency is one cycle, throughput one job per cycle, the next rows without a gap. Of a row's last
    word only those beats are asked for that ``tail`` leaves.

    Members
    -------
    by_beat : each place is given once for each beat of its word
    rows : ``hw.accelerator.layout.read_job_layout``
    o : ``place_layout``; the last place of a row with the ``tail`` of ``rows``, others without
    """

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        sizes = (plan.address_bits, plan.word_bytes)
        super().__init__({
            "by_beat": In(1),
            "rows": In(stream.Signature(read_job_layout(*sizes))),
            "o": Out(stream.Signature(place_layout(*sizes))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        moves, given, final = Signal(), Signal(), Signal(init=1)
        walk = walk_rows(m, self.rows, moves, self.plan.address_bits)
        m.d.comb += [
            self.o.valid.eq(walk.active),
            self.o.p.base.eq(walk.address),
            self.o.p.tail.eq(Mux(walk.last, walk.job.tail, 0)),
            given.eq(self.o.valid & self.o.ready),
            moves.eq(given & final),
        ]
        if self.plan.beats > 1:
            beat = Signal(range(self.plan.beats))
            # Elements, of which the tail has two bytes each.
            m.d.comb += final.eq(~self.by_beat | (beat == final_beat(self.plan, self.o.p.tail[1:])))
            with m.If(given):
                m.d.sync += beat.eq(Mux(final, 0, beat + 1))
        return m
