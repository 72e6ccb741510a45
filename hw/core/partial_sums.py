"""Keeps the running sums of many token rows over the tiles of K."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.spec import CoreSpec
from hw.core.column_sum import column_sum_bits
from hw.core.layout import mark_layout, rows_signature
from hw.core.plan import CorePlan


class PartialSums(wiring.Component):
    """``total[row][c] = i.sums[c] + (0 if first else total[row][c])``; ``o`` gives it on ``last``.

    Latency is one cycle, throughput one vector of ``tokens`` rows per cycle, the same rows twice in
    turn included. One memory per token and column, so that no word is wider than a sum; a read and
    a write per cycle each.

    Members
    -------
    i : :py:`In(rows_signature(spec, plan, column_sum_bits(spec)))`
    o : :py:`Out(rows_signature(spec, plan, accumulator_bits))`
        ``ready`` must not depend on ``valid``.
    """

    def __init__(self, spec: CoreSpec, plan: CorePlan) -> None:
        self.spec, self.plan = spec, plan
        accumulator_bits = spec.requantize.accumulator_bits
        super().__init__({
            "i": In(rows_signature(spec, plan, column_sum_bits(spec))),
            "o": Out(rows_signature(spec, plan, accumulator_bits)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, tokens = self.spec, self.plan.macro.tokens
        drop = tokens.bit_length() - 1
        total_shape = signed(spec.requantize.accumulator_bits)
        valid, again = Signal(), Signal()
        mark = Signal(mark_layout(spec))
        # The sum of the addressed row arrives from memory together with this register's contents.
        leaves, enters = Signal(), Signal()
        m.d.comb += [
            leaves.eq(valid & (self.o.ready | ~mark.last)),
            self.i.ready.eq(leaves | ~valid),
            enters.eq(self.i.valid & self.i.ready),
            self.o.valid.eq(valid & mark.last),
            self.o.mark.eq(mark),
        ]
        with m.If(self.i.ready):
            m.d.sync += valid.eq(self.i.valid)
        with m.If(enters):
            # The memory gives the old sum of a row that is being written: take the new one instead.
            same = self.i.mark.row[drop:] == mark.row[drop:]
            m.d.sync += [mark.eq(self.i.mark), again.eq(valid & same)]
        for token in range(tokens):
            for column in range(spec.columns):
                name = f"{token}_{column}"
                sums = Memory(shape=total_shape, depth=spec.rows // tokens, init=[])
                m.submodules[f"sums_{name}"] = sums
                read, write = sums.read_port(), sums.write_port()
                addend = Signal.like(
                    self.i.sums[token][column], name=f"addend_{name}", reset_less=True
                )
                newest = Signal(total_shape, name=f"newest_{name}", reset_less=True)
                total = self.o.sums[token][column]
                m.d.comb += [
                    read.addr.eq(self.i.mark.row[drop:]),
                    read.en.eq(enters),
                    write.addr.eq(mark.row[drop:]),
                    write.en.eq(leaves),
                    write.data.eq(total),
                    total.eq(addend + Mux(mark.first, 0, Mux(again, newest, read.data))),
                ]
                with m.If(enters):
                    m.d.sync += addend.eq(self.i.sums[token][column])
                with m.If(leaves):
                    m.d.sync += newest.eq(total)
        return m
