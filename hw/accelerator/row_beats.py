"""Words of rows to the half words that the engine takes."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import word_layout


class RowBeats(wiring.Component):
    """Gives half words of each row up to ``last_beat``, the lower half first.

    Throughput is one half word per cycle; latency is zero.

    Members
    -------
    i : words (``hw.accelerator.layout.word_layout``)
    last_beat, single : number of a row's last half word; it is the first one
    headed : a row begins with a header word, of which the lower half is a beat of its own
    o : half words
    done : the last half word of a job moves
    """

    def __init__(self, word_bytes: int) -> None:
        self.word_bytes = word_bytes
        super().__init__({
            "i": In(stream.Signature(word_layout(word_bytes))),
            "last_beat": In(8),
            "single": In(1),
            "headed": In(1),
            "o": Out(stream.Signature(unsigned(4 * word_bytes))),
            "done": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        beat, behind = Signal(8), Signal()
        first, last = Signal(init=1), Signal()
        header, ends, upper, moved = Signal(), Signal(), Signal(), Signal()
        half = 4 * self.word_bytes
        m.d.comb += [
            header.eq(self.headed & ~behind),
            upper.eq(beat[0] & ~header),
            ends.eq(~header & Mux(first, self.single, last)),
            self.o.valid.eq(self.i.valid),
            self.o.payload.eq(Mux(upper, self.i.p.data[half:], self.i.p.data[:half])),
            moved.eq(self.o.valid & self.o.ready),
            self.i.ready.eq(self.o.ready & (header | upper | ends)),
            self.done.eq(moved & ends & self.i.p.done),
        ]
        with m.If(moved):
            m.d.sync += [
                behind.eq(~ends),
                beat.eq(Mux(header | ends, 0, beat + 1)),
                first.eq(header | ends),
                last.eq(beat + 1 == self.last_beat),
            ]
        return m
