"""Sum and sum of squares of every row: what layer norm needs to know before its second pass."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.ops.row import row_layout
from hw.pipeline import Pipeline, held

LEVELS_PER_STAGE = 2


def sums_layout(bits: int, length_bits: int) -> data.StructLayout:
    """Sums over up to ``2**length_bits`` elements of ``bits`` bits."""
    return data.StructLayout({
        "total": signed(bits + length_bits),
        "squares": unsigned(2 * bits - 1 + length_bits),
    })


def sum_stages(count: int) -> int:
    """Registers between ``count`` terms and their ``registered_sum``."""
    return -(-(count - 1).bit_length() // LEVELS_PER_STAGE)


def registered_sum(m: Module, enable: Value, name: str, terms: Sequence[Value]) -> Value:
    """Sum of ``terms`` as a tree of adders with a register after every second level."""
    level = 0
    while len(terms) > 1:
        level += 1
        terms = [sum(terms[k + 1 : k + 2], terms[k]) for k in range(0, len(terms), 2)]
        if level % LEVELS_PER_STAGE == 0 or len(terms) == 1:
            terms = [held(m, enable, f"{name}_{level}_{k}", term) for k, term in enumerate(terms)]
    return terms[0]


class RowSums(wiring.Component):
    """``total = sum(x)`` and ``squares = sum(x * x)`` of each row, exact.

    Latency is ``latency`` cycles from a row's last beat, throughput one beat per cycle, rows back
    to back.

    Parameters
    ----------
    bits : width of an element
    lanes : elements of a beat
    length_bits : rows have up to ``2**length_bits`` elements

    Members
    -------
    i : :py:`In(stream.Signature(row_layout(signed(bits), lanes)))`
    o : :py:`Out(stream.Signature(sums_layout(bits, length_bits)))`, one per row
    """

    def __init__(self, bits: int, lanes: int, length_bits: int) -> None:
        self.bits, self.lanes = bits, lanes
        super().__init__({
            "i": In(stream.Signature(row_layout(signed(bits), lanes))),
            "o": Out(stream.Signature(sums_layout(bits, length_bits))),
        })

    @property
    def latency(self) -> int:
        """Cycles from the transfer of a row's last beat to its sums: squares, tree, accumulator."""
        return 2 + sum_stages(self.lanes)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        beats = stream.Signature(unsigned(1)).create()
        pipeline = Pipeline(m, self.i, beats, self.latency - 1)
        moves = pipeline.moves
        plain, squares = [], []
        for lane, x in enumerate(self.i.p.data):
            plain.append(held(m, moves, f"x_{lane}", x))
            square = (x * x).as_unsigned()[: 2 * self.bits - 1]
            squares.append(held(m, moves, f"square_{lane}", square))
        last = held(m, moves, "last", self.i.p.last, self.latency - 1)
        start = Signal(init=1)
        takes = Signal()
        m.d.comb += [
            beats.ready.eq(~self.o.valid | self.o.ready),
            takes.eq(beats.valid & beats.ready),
        ]
        with m.If(beats.ready):
            m.d.sync += self.o.valid.eq(beats.valid & last)
        with m.If(takes):
            m.d.sync += start.eq(last)
        for name, terms in (("total", plain), ("squares", squares)):
            term = registered_sum(m, moves, name, terms)
            so_far = Signal.like(self.o.p[name], name=f"{name}_so_far", reset_less=True)
            with m.If(takes):
                m.d.sync += so_far.eq(Mux(start, 0, so_far) + term)
            m.d.comb += self.o.p[name].eq(so_far)
        return m
