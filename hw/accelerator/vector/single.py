"""Gives the elements of a row one by one."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.ops.max_finder import masked_row_layout


class Single(wiring.Component):
    """The elements of ``i`` that are seen, in order, all of those before the first that is not.

    Latency is none, throughput one element per cycle.

    Members
    -------
    i : ``masked_row_layout(signed(16), lanes)``, the first lane seen
    o : ``masked_row_layout(signed(16), 1)``
    """

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        super().__init__({
            "i": In(stream.Signature(masked_row_layout(signed(16), lanes))),
            "o": Out(stream.Signature(masked_row_layout(signed(16), 1))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        i, o = self.i, self.o
        lane, ends = Signal(range(self.lanes)), Signal()
        m.d.comb += [
            # The lane after this one; behind the last lane nothing is seen.
            ends.eq(~(i.p.seen >> 1).bit_select(lane, 1)),
            o.valid.eq(i.valid),
            o.p.data[0].eq(i.p.data[lane]),
            o.p.seen.eq(1),
            o.p.last.eq(i.p.last & ends),
            i.ready.eq(o.ready & ends),
        ]
        with m.If(o.valid & o.ready):
            m.d.sync += lane.eq(Mux(ends, 0, lane + 1))
        return m
