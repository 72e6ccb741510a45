"""The k largest values of a row, in order, and where they stand."""

from itertools import pairwise
from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import TopKSpec
from hw.ops.max_finder import largest_layout, masked_row_layout
from hw.ops.plan import TopKPlan


def ranked_layout(spec: TopKSpec, plan: TopKPlan) -> data.StructLayout:
    """One rank of a row: value, index, whether there is one, whether it is the row's last rank."""
    found = largest_layout(spec.input_bits, plan.index_bits)
    return data.StructLayout({**{name: field.shape for name, field in found}, "last": unsigned(1)})


class TopK(wiring.Component):
    """``o`` = the ``spec.k`` largest elements of each row that are seen, the largest first.

    Of equals the lower index comes first. A list in order is compared with every element at once,
    which moves what is smaller down by one. Latency is one cycle from a row's last element to its
    first rank; throughput one element per cycle, and one rank per cycle while the next row enters.
    Ranks beyond the elements that are seen have ``any`` low and the smallest integer.

    Members
    -------
    i : :py:`In(stream.Signature(masked_row_layout(signed(spec.input_bits), 1)))`
    o : :py:`Out(stream.Signature(ranked_layout(spec, plan)))`, ``spec.k`` beats per row
    """

    def __init__(self, spec: TopKSpec, plan: TopKPlan | None = None) -> None:
        self.spec, self.plan = spec, TopKPlan() if plan is None else plan
        super().__init__({
            "i": In(stream.Signature(masked_row_layout(signed(spec.input_bits), 1))),
            "o": Out(stream.Signature(ranked_layout(spec, self.plan))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        k = self.spec.k
        layout = largest_layout(self.spec.input_bits, self.plan.index_bits)
        ranks = [Signal(layout, name=f"rank_{rank}") for rank in range(k)]
        left = [Signal(layout, name=f"left_{rank}") for rank in range(k)]
        after = [Signal(layout, name=f"after_{rank}") for rank in range(k)]
        count = Signal(range(k + 1))
        start = Signal(init=1)
        place = Signal(self.plan.index_bits)
        takes = Signal()
        x, seen = self.i.p.data[0], self.i.p.seen[0]
        new = Signal(layout)
        m.d.comb += [
            new.value.eq(x),
            new.index.eq(Mux(start, 0, place)),
            new.any.eq(1),
            # A row that ends waits until the ranks of the row before it have left.
            self.i.ready.eq(~self.i.p.last | (count == 0) | ((count == 1) & self.o.ready)),
            takes.eq(self.i.valid & self.i.ready),
            self.o.valid.eq(count != 0),
            self.o.p.value.eq(Mux(left[0].any, left[0].value, -(1 << (self.spec.input_bits - 1)))),
            self.o.p.index.eq(Mux(left[0].any, left[0].index, 0)),
            self.o.p.any.eq(left[0].any),
            self.o.p.last.eq(count == 1),
        ]
        stays_above: Value = Const(1, 1)
        for rank, (own, then) in enumerate(zip(ranks, after, strict=True)):
            stays = Signal(name=f"stays_{rank}")
            m.d.comb += stays.eq(own.any & (own.value >= x))
            with m.If(start):
                # The first element of a row finds an empty list.
                m.d.comb += [then.eq(new), then.any.eq(seen if rank == 0 else 0)]
            with m.Elif(stays | ~seen):
                m.d.comb += then.eq(own)
            with m.Elif(stays_above):
                m.d.comb += then.eq(new)
            with m.Else():
                m.d.comb += then.eq(ranks[rank - 1])
            stays_above = stays
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += count.eq(count - 1)
            m.d.sync += [own.eq(below) for own, below in pairwise(left)]
        with m.If(takes):
            m.d.sync += [start.eq(self.i.p.last), place.eq(new.index + 1)]
            m.d.sync += [own.eq(then) for own, then in zip(ranks, after, strict=True)]
            with m.If(self.i.p.last):
                m.d.sync += count.eq(k)
                m.d.sync += [own.eq(then) for own, then in zip(left, after, strict=True)]
        return m
