"""Whether rows of words leave the buffer, told a few cycles later at a short clock."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import COUNT_BITS, SLOT_BITS


def walk_layout() -> data.StructLayout:
    """``rows`` rows of ``words`` words, each ``stride`` words behind the one before."""
    return data.StructLayout({
        "base": SLOT_BITS,
        "stride": SLOT_BITS,
        "rows": COUNT_BITS,
        "words": SLOT_BITS,
    })


class Extent(wiring.Component):
    """``outside``: base + (rows - 1) * stride + words > ``buffer_words``, ``latency`` cycles later.

    ``rows`` and ``words`` are at least 1; no stride is negative, so the last row's end decides. A
    stride beyond the buffer is outside, even of a single row.
    Throughput is one walk per cycle: a product, a sum and a comparison have a cycle each.

    Members
    -------
    walk : ``walk_layout``
    outside : about the walk of ``latency`` cycles ago
    """

    latency = 4

    def __init__(self, buffer_words: int) -> None:
        self.buffer_words = buffer_words
        super().__init__({"walk": In(walk_layout()), "outside": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        walk, bits = self.walk, self.buffer_words.bit_length()
        above = (walk.base[bits:], walk.stride[bits:], walk.words[bits:])
        steps, stride = Signal(COUNT_BITS, reset_less=True), Signal(bits, reset_less=True)
        lasts = [Signal(bits + 1, reset_less=True, name=f"last_{stage}") for stage in range(2)]
        product = Signal(COUNT_BITS + bits, reset_less=True)
        end = Signal(COUNT_BITS + bits + 1, reset_less=True)
        wides = [Signal(reset_less=True, name=f"wide_{stage}") for stage in range(3)]
        m.d.sync += [
            steps.eq(walk.rows - 1),
            stride.eq(walk.stride),
            lasts[0].eq(walk.base[:bits] + walk.words[:bits]),
            wides[0].eq(Cat(*above).any()),
            product.eq(steps * stride),
            lasts[1].eq(lasts[0]),
            wides[1].eq(wides[0]),
            end.eq(product + lasts[1]),
            wides[2].eq(wides[1]),
            self.outside.eq(wides[2] | (end > self.buffer_words)),
        ]
        return m
