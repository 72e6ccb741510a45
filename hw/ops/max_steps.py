"""The largest value of a row by NOR steps in memory, one element at a time."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.ops.max_finder import largest_layout, masked_row_layout
from hw.ops.max_microcode import Operand, microcode


class MaxSteps(wiring.Component):
    """``o = max(i.data where i.seen)`` of each row, and its lowest index, as ``MaxFinder``.

    An element that is seen takes ``microcode(bits).cycles``: one in which it is written, then one
    for each step, 13 and 5 with 8 bits; another one takes one cycle. Latency is one cycle
    more from a row's last element. Source: ReTransformer, ICCAD 2020, selection logic.

    Parameters
    ----------
    bits : width of an element, 2, 4, 8 or 16
    index_bits : width of the index; rows have up to ``2**index_bits`` elements

    Members
    -------
    i : :py:`In(stream.Signature(masked_row_layout(signed(bits), 1)))`
    o : :py:`Out(stream.Signature(largest_layout(bits, index_bits)))`
    """

    def __init__(self, bits: int, index_bits: int = 16) -> None:
        self.bits, self.index_bits = bits, index_bits
        self.code = microcode(bits)
        super().__init__({
            "i": In(stream.Signature(masked_row_layout(signed(bits), 1))),
            "o": Out(stream.Signature(largest_layout(bits, index_bits))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        code = self.code
        words = {
            name: Signal(width, name=f"word_{name}", reset_less=True)
            for name, width in code.widths.items()
        }
        steps = (*code.compare, *code.select)
        step = Signal(range(len(steps)))
        busy, start = Signal(), Signal(init=1)
        # Set by a row's first element.
        last, found = Signal(reset_less=True), Signal(reset_less=True)
        place, index = (
            Signal(self.index_bits, name=name, reset_less=True) for name in ("place", "index")
        )
        x = self.i.p.data[0]
        m.d.comb += [
            self.i.ready.eq(~busy & (~self.o.valid | self.o.ready)),
            # The sign turned round: words compare unsigned.
            self.o.p.value.eq(Cat(words["m"][:-1], ~words["m"][-1])),
            self.o.p.index.eq(index),
            self.o.p.any.eq(found),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            with m.If(start):
                m.d.sync += [
                    words["m"].eq(0),
                    words["nm"].eq((1 << self.bits) - 1),
                    index.eq(0),
                    found.eq(0),
                ]
            m.d.sync += [
                words["a"].eq(Cat(x[:-1], ~x[-1])),
                place.eq(Mux(start, 0, place + 1)),
                start.eq(self.i.p.last),
                last.eq(self.i.p.last),
                busy.eq(self.i.p.seen[0]),
                self.o.valid.eq(self.i.p.last & ~self.i.p.seen[0]),
            ]
        with m.If(busy):
            m.d.sync += step.eq(step + 1)
            for number, one in enumerate(steps):
                with m.If(step == number):
                    left, right = (_columns(words, each) for each in (one.left, one.right))
                    width = len(words[one.target])
                    m.d.sync += words[one.target].eq(
                        ~(_broadcast(left, width) | _broadcast(right, width))
                    )
            with m.If(step == len(steps) - 1):
                m.d.sync += [step.eq(0), busy.eq(0), found.eq(1), self.o.valid.eq(last)]
                with m.If(words[code.flag] | ~found):
                    m.d.sync += index.eq(place)
        return m


def _columns(words: dict[str, Signal], operand: Operand) -> Value:
    word = words[operand.word]
    if operand.part == "all":
        return word
    return Cat(word[column] for column in range(operand.part == "high", len(word), 2))


def _broadcast(value: Value, width: int) -> Value:
    return value if len(value) == width else value.replicate(width)
