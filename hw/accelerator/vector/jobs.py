"""Read jobs of an instruction: whole rows in one, or word by word where rows are folded."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import COUNT_BITS, read_job_layout


def walk_layout(address_bits: int, word_bytes: int) -> data.StructLayout:
    """``groups`` times ``places`` jobs, the last place of a group with the job's ``tail``.

    A group begins ``step`` words after the one before it, a place one word.
    """
    return data.StructLayout({
        "job": read_job_layout(address_bits, word_bytes),
        "groups": unsigned(COUNT_BITS),
        "step": unsigned(address_bits),
        "places": unsigned(COUNT_BITS),
    })


class Jobs(wiring.Component):
    """A reader's jobs for one walk, one per cycle; the next walk is taken with the last of them.

    Members
    -------
    i : ``walk_layout``, at least one group and place
    o : ``hw.accelerator.layout.read_job_layout``
    """

    def __init__(self, address_bits: int, word_bytes: int) -> None:
        self.layout = walk_layout(address_bits, word_bytes)
        super().__init__({
            "i": In(stream.Signature(self.layout)),
            "o": Out(stream.Signature(read_job_layout(address_bits, word_bytes))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        walk, job = self.i.p, self.o.p
        group, place = Signal(COUNT_BITS), Signal(COUNT_BITS)
        moved = Signal.like(walk.step)
        last_place, last_group = Signal(), Signal()
        m.d.comb += [
            last_place.eq(place == walk.places - 1),
            last_group.eq(group == walk.groups - 1),
            job.eq(walk.job),
            job.base.eq(walk.job.base + moved + place),
            job.tail.eq(Mux(last_place, walk.job.tail, 0)),
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready & last_place & last_group),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += place.eq(Mux(last_place, 0, place + 1))
            with m.If(last_place):
                m.d.sync += [
                    group.eq(Mux(last_group, 0, group + 1)),
                    moved.eq(Mux(last_group, 0, moved + walk.step)),
                ]
        return m
