"""Square blocks of lane pairs, turned over: rows of words in, columns of them out."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

CODE_BITS = 8


def block_row_layout(word_bytes: int) -> data.StructLayout:
    """A row of a block; ``more``: another block follows this one at once."""
    return data.StructLayout({"data": unsigned(8 * word_bytes), "more": unsigned(1)})


class Transposer(wiring.Component):
    """Word i out has the codes 2 i, then the codes 2 i + 1, of all ``word_bytes / 2`` words in.

    A block leaves across the way it came, the next one behind it: so one array of registers moves a
    word in a cycle, and only the last of several blocks leaves alone.

    Members
    -------
    i : ``block_row_layout``, ``word_bytes / 2`` rows a block
    o : as many words
    holds : a whole block is on its way out
    """

    def __init__(self, word_bytes: int) -> None:
        self.word_bytes = word_bytes
        super().__init__({
            "i": In(stream.Signature(block_row_layout(word_bytes))),
            "o": Out(stream.Signature(unsigned(8 * word_bytes))),
            "holds": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        size, pair = self.word_bytes // 2, 2 * CODE_BITS
        cells = [Signal(size * pair, name=f"row_{index}", reset_less=True) for index in range(size)]
        sideways, follows, step = Signal(), Signal(), Signal()
        count = Signal(range(size))
        last = count == size - 1
        enters = ~self.holds | follows
        m.d.comb += [
            self.o.valid.eq(self.holds & (self.i.valid | ~follows)),
            self.i.ready.eq(enters & (self.o.ready | ~self.holds)),
            step.eq((self.i.valid | ~enters) & (self.o.ready | ~self.holds)),
            self.o.payload.eq(
                _codes_apart(
                    Mux(sideways, Cat(row[:pair] for row in cells), cells[0]), size, CODE_BITS
                )
            ),
        ]
        with m.If(step):
            m.d.sync += count.eq(Mux(last, 0, count + 1))
            for index, row in enumerate(cells):
                below = cells[index + 1] if index + 1 < size else self.i.p.data
                entering = self.i.p.data.word_select(index, pair)
                m.d.sync += row.eq(Mux(sideways, Cat(row[pair:], entering), below))
            with m.If(last):
                m.d.sync += [
                    sideways.eq(~sideways),
                    self.holds.eq(enters),
                    follows.eq(self.i.p.more & enters),
                ]
        return m


def _codes_apart(pairs: Value, count: int, bits: int) -> Value:
    """The first codes of all pairs, then the second ones."""
    return Cat(
        pairs[(2 * index + which) * bits :][:bits] for which in range(2) for index in range(count)
    )
