"""What a whole row folds into, one result per row: the first pass of operators over rows."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.ops.row import row_layout
from hw.pipeline import Pipeline, held

LEVELS_PER_STAGE = 2


class RowReduction(wiring.Component):
    """``o[name]`` of each row: the ``join`` of the ``term`` of its elements, with 0 as neutral one.

    Latency is ``latency`` cycles from a row's last beat, throughput one beat per cycle, rows back
    to back. A term is one stage, every second level of the tree over the lanes another, the row so
    far the last.

    Parameters
    ----------
    bits : width of an element
    lanes : elements of a beat
    result : fields that are computed

    Members
    -------
    i : :py:`In(stream.Signature(row_layout(signed(bits), lanes)))`
    o : :py:`Out(stream.Signature(result))`, one per row
    """

    def __init__(self, bits: int, lanes: int, result: data.StructLayout) -> None:
        self.bits, self.lanes = bits, lanes
        super().__init__({
            "i": In(stream.Signature(row_layout(signed(bits), lanes))),
            "o": Out(stream.Signature(result)),
        })

    def term(self, name: str, x: Value) -> Value:
        """What an element gives to field ``name``."""
        raise NotImplementedError

    def join(self, name: str, first: Value, second: Value) -> Value:
        """Both parts of a row together."""
        raise NotImplementedError

    @staticmethod
    def latency(lanes: int) -> int:
        """Cycles from the transfer of a row's last beat to its result."""
        return 2 + -(-(lanes - 1).bit_length() // LEVELS_PER_STAGE)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        stages = self.latency(self.lanes) - 1
        # The result leaves when the row's last beat does, so the row so far needs no handshake.
        beats = stream.Signature(unsigned(1)).create()
        moves = Pipeline(m, self.i, beats, stages).moves
        last = held(m, moves, "last", self.i.p.last, stages)
        start, takes = Signal(init=1), Signal()
        m.d.comb += [
            beats.ready.eq(~self.o.valid | self.o.ready),
            takes.eq(beats.valid & beats.ready),
        ]
        with m.If(beats.ready):
            m.d.sync += self.o.valid.eq(beats.valid & last)
        with m.If(takes):
            m.d.sync += start.eq(last)
        for name in self.o.p.shape().members:
            terms = [
                held(m, moves, f"{name}_term_{lane}", self.term(name, x))
                for lane, x in enumerate(self.i.p.data)
            ]
            beat = self._tree(m, moves, name, terms)
            so_far = Signal.like(self.o.p[name], name=f"{name}_so_far", reset_less=True)
            with m.If(takes):
                m.d.sync += so_far.eq(self.join(name, Mux(start, 0, so_far), beat))
            m.d.comb += self.o.p[name].eq(so_far)
        return m

    def _tree(self, m: Module, moves: Value, name: str, terms: Sequence[Value]) -> Value:
        level = 0
        while len(terms) > 1:
            level += 1
            pairs = [terms[k : k + 2] for k in range(0, len(terms), 2)]
            terms = [self.join(name, *pair) if len(pair) == 2 else pair[0] for pair in pairs]
            if level % LEVELS_PER_STAGE == 0 or len(terms) == 1:
                terms = [held(m, moves, f"{name}_{level}_{k}", one) for k, one in enumerate(terms)]
        return terms[0]
