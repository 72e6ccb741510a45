"""The CIM macro: a feeder, the lines that cross the array, and its columns."""

from dataclasses import replace
from typing import Any

from amaranth.hdl import Const, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import MacroSpec
from hw.macro.column import Column, plan_key, spec_key
from hw.macro.drive import Drive
from hw.macro.feeders import create_feeder
from hw.macro.plan import MacroPlan
from hw.macro.step import vector_layout, weights_layout
from hw.platform import Shared


class Macro(Shared):
    """``o[t][c] = sum(i.data[t][l] * w[i.set][l][c] for l in lanes)``, exact for every plan.

    Latency is one cycle plus the steps of the vector (``hw.macro.schedule``); vectors follow each
    other without a gap, so the throughput is one per its steps. A result waits in the accumulators
    until it is taken, and the next vector's first step waits with it. A weight beat waits while
    the set that it writes is being computed with; a vector sees every beat taken before it or with
    it. Weights of 16 bits are two columns, low half unsigned and high half signed.
    Source: MulTCIM, ISSCC 2023 16.1, for the geometry.

    Members
    -------
    i : input vectors, raw bits; ``signed`` tells how to read them where the spec leaves it open
    weights : ``weight_lanes`` lanes of all columns a beat
    o : one sum per token and column
    """

    def __init__(self, spec: MacroSpec, plan: MacroPlan | None = None) -> None:
        plan = MacroPlan() if plan is None else plan
        plan.require(spec)
        self.spec, self.plan = spec, plan
        self.key = f"macro_{spec_key(spec)}_{plan_key(plan)}"
        sums = data.ArrayLayout(signed(spec.sum_bits), spec.columns)
        super().__init__({
            "i": In(stream.Signature(vector_layout(spec, plan))),
            "weights": In(stream.Signature(weights_layout(spec, plan))),
            "o": Out(stream.Signature(data.ArrayLayout(sums, plan.tokens))),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        m.submodules.feeder = feeder = create_feeder(spec, plan)
        m.submodules.drive = drive = Drive(spec, plan)
        wiring.connect(m, wiring.flipped(self.i), feeder.i)
        step = feeder.o
        enable = Signal()
        m.d.comb += [
            step.ready.eq(~self.o.valid | self.o.ready),
            enable.eq(step.valid & step.ready),
            drive.step.eq(step.payload),
        ]
        with m.If(enable):
            m.d.sync += self.o.valid.eq(step.p.last)
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

        write = Signal(spec.lanes)
        m.d.comb += self.weights.ready.eq(~(step.valid & (step.p.set == self.weights.p.set)))
        with m.If(self.weights.valid & self.weights.ready):
            group = Const((1 << plan.weight_lanes) - 1, spec.lanes)
            m.d.comb += write.eq(group << self.weights.p.lane)

        for c in range(spec.columns):
            halves = [Column(half, plan) for half in weight_halves(spec)]
            for index, column in enumerate(halves):
                m.submodules[f"column_{c}_{index}" if index else f"column_{c}"] = column
                m.d.comb += [
                    column.enable.eq(enable),
                    column.first.eq(step.p.first),
                    column.set.eq(step.p.set),
                    column.drive.eq(drive.o),
                    column.write.eq(write),
                    column.write_set.eq(self.weights.p.set),
                ]
                for lane in range(plan.weight_lanes):
                    weight = self.weights.p.data[lane][c]
                    width = column.spec.weight_bits
                    m.d.comb += column.write_data[lane].eq(weight.word_select(index, width))
            for token in range(plan.tokens):
                sums = [column.o[token] << 8 * index for index, column in enumerate(halves)]
                m.d.comb += self.o.p[token][c].eq(sum(sums[1:], start=sums[0]))
        return m


def weight_halves(spec: MacroSpec) -> list[MacroSpec]:
    """Specs of the columns that make one output: one, or a low and a high half."""
    if spec.weight_bits <= 8:
        return [spec]
    return [
        replace(spec, weight_bits=8, weight_signed=False),
        replace(spec, weight_bits=8),
    ]
