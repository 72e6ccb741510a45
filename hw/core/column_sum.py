"""Joins one result of every macro and adds them column by column."""

from typing import Any

from amaranth.hdl import Module, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import CoreSpec, ceil_log2
from hw.core.layout import mark_layout, rows_signature
from hw.core.plan import CorePlan


def column_sum_bits(spec: CoreSpec) -> int:
    """Width of a sum over all macros, which cannot overflow."""
    return spec.macro.sum_bits + ceil_log2(spec.macros)


def result_layout(spec: CoreSpec, plan: CorePlan) -> data.ArrayLayout:
    """Payload of one macro's results."""
    row = data.ArrayLayout(signed(spec.macro.sum_bits), spec.columns)
    return data.ArrayLayout(row, plan.macro.tokens)


class ColumnSum(wiring.Component):
    """``o.sums[t][c] = sum(i[k].payload[t][c] for k in range(macros))``.

    Combinational: no latency, one vector per cycle. Results of a vector are taken together, when
    the last macro has given its own.

    Members
    -------
    i : per macro :py:`In(stream.Signature(result_layout(spec, plan)))`
    marks : :py:`In(stream.Signature(mark_layout(spec)))`, one per vector, in order
    o : :py:`Out(rows_signature(spec, plan, column_sum_bits(spec)))`
    """

    def __init__(self, spec: CoreSpec, plan: CorePlan) -> None:
        self.spec, self.plan = spec, plan
        super().__init__({
            "i": In(stream.Signature(result_layout(spec, plan))).array(spec.macros),
            "marks": In(stream.Signature(mark_layout(spec))),
            "o": Out(rows_signature(spec, plan, column_sum_bits(spec))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        inputs = [*self.i, self.marks]
        valid: Value = inputs[0].valid
        for each in inputs[1:]:
            valid &= each.valid
        m.d.comb += [
            self.o.valid.eq(valid),
            self.o.mark.eq(self.marks.payload),
            *(each.ready.eq(self.o.valid & self.o.ready) for each in inputs),
        ]
        for token in range(self.plan.macro.tokens):
            for column in range(self.spec.columns):
                terms = [each.payload[token][column] for each in self.i]
                m.d.comb += self.o.sums[token][column].eq(balanced_sum(terms))
        return m


def balanced_sum(terms: list[Value]) -> Value:
    """Sum of ``terms`` as a tree of two-input adders."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return balanced_sum(terms[:half]) + balanced_sum(terms[half:])
