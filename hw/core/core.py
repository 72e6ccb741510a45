"""The core: input buffer, macros, column sums, partial sums, requantizer."""

from typing import Any

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import CoreSpec
from hw.core.channel_table import ChannelTable
from hw.core.column_sum import ColumnSum, result_layout
from hw.core.input_buffer import InputBuffer
from hw.core.layout import (
    channels_layout,
    input_layout,
    mark_layout,
    output_layout,
    scales_layout,
    weights_layout,
)
from hw.core.partial_sums import PartialSums
from hw.core.plan import CorePlan
from hw.core.row_queue import RowQueue
from hw.core.set_guard import SetGuard
from hw.core.weight_router import WeightRouter
from hw.macro.column import plan_key, spec_key
from hw.macro.macro import Macro
from hw.macro.pipelined import PipelinedMacro, PipelinedPlan
from hw.ops.requantize import Requantizer, requantize_key
from hw.platform import Shared
from hw.stream import Buffer, Queue


class Core(Shared):
    """Sums ``macros * lanes`` products per column over the tiles of K and requantises the rows.

    Per vector ``total[row] = (0 if first else total[row]) + x @ w[set]``; on ``last`` the row
    leaves as ``requantize(total[row], multiplier[set], bias[set], scale)`` with the next scale.

    Latency from a ``last`` vector to the row's first codes is 10 cycles plus the macro's steps and
    ``plan.stages(spec)``, one more with a ``result_depth``; throughput one vector per the macro's
    steps, and ``columns / requantizer_lanes`` cycles per row with ``last``. Macros run at their own
    pace between the input buffer and the column sum (``hw.core.schedule``). The five streams may
    come at any relative time: see ``SetGuard`` for what waits for what.

    Members
    -------
    i : vectors, with what to do with their sums (``hw.core.layout.input_layout``)
    weights : ``weight_lanes`` lanes of all columns a beat
    channels : one output channel's multiplier and bias a beat, for sets with ``last`` vectors
    scales : one per row that is requantised, in order
    o : ``requantizer_lanes`` codes of a row a beat
    """

    def __init__(self, spec: CoreSpec, plan: CorePlan | None = None) -> None:
        plan = CorePlan() if plan is None else plan
        plan.require(spec)
        self.spec, self.plan = spec, plan
        self.key = core_key(spec, plan)
        super().__init__({
            "i": In(stream.Signature(input_layout(spec, plan))),
            "weights": In(stream.Signature(weights_layout(spec, plan))),
            "channels": In(stream.Signature(channels_layout(spec))),
            "scales": In(stream.Signature(scales_layout(spec.requantize))),
            "o": Out(stream.Signature(output_layout(spec, plan))),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        m.submodules.guard = guard = SetGuard(spec)
        m.submodules.buffer = buffer = InputBuffer(spec, plan)
        m.submodules.marks = marks = Queue(mark_layout(spec), plan.mark_depth)
        m.submodules.router = router = WeightRouter(spec, plan)
        m.submodules.table = table = ChannelTable(spec, plan)
        m.submodules.column_sum = column_sum = ColumnSum(spec, plan)
        m.submodules.partial_sums = partial_sums = PartialSums(spec, plan)
        m.submodules.rows = rows = RowQueue(spec, plan)

        for source, load, sink in (
            (self.weights, guard.weights, router.i),
            (self.channels, guard.channels, table.i),
        ):
            m.d.comb += [
                load.set.eq(source.p.set),
                load.last.eq(source.p.last),
                load.taken.eq(source.valid & source.ready),
                sink.payload.eq(source.payload),
                sink.valid.eq(source.valid & load.open),
                source.ready.eq(sink.ready & load.open),
            ]

        taken = self.i.valid & self.i.ready
        m.d.comb += [
            self.i.ready.eq(guard.inputs.open & buffer.i.ready & marks.i.ready),
            guard.inputs.set.eq(self.i.p.set),
            guard.inputs.last.eq(self.i.p.last),
            guard.inputs.release.eq(self.i.p.release),
            guard.inputs.taken.eq(taken),
            buffer.i.payload.eq(self.i.payload),
            buffer.i.valid.eq(taken),
            marks.i.valid.eq(taken),
            *(marks.i.p[name].eq(self.i.p[name]) for name in mark_layout(spec).members),
        ]

        for index in range(spec.macros):
            macro: Macro | PipelinedMacro
            if plan.pipelined:
                macro = PipelinedMacro(spec.macro, PipelinedPlan(macro=plan.macro))
            else:
                macro = Macro(spec.macro, plan.macro)
            m.submodules[f"macro_{index}"] = macro
            wiring.connect(m, buffer.o[index], macro.i)
            wiring.connect(m, router.o[index], macro.weights)
            result = macro.o
            if plan.results_ahead:
                kept = result_queue(spec, plan)
                m.submodules[f"results_{index}"] = kept
                wiring.connect(m, result, kept.i)
                result = kept.o
            wiring.connect(m, result, column_sum.i[index])
        wiring.connect(m, marks.o, column_sum.marks)
        wiring.connect(m, column_sum.o, partial_sums.i)
        wiring.connect(m, partial_sums.o, rows.i)
        summed = column_sum.o
        m.d.comb += [
            guard.summed.set.eq(summed.mark.set),
            guard.summed.done.eq(summed.valid & summed.ready & summed.mark.release),
        ]
        self._requantize(m, rows.o, table, guard)
        return m

    def _requantize(self, m: Module, groups: Any, table: ChannelTable, guard: SetGuard) -> None:
        """Join each group of columns with its channels' numbers and its row's scale."""
        spec, lanes = self.spec, self.plan.lanes(self.spec)
        requantizer = Requantizer(spec.requantize, lanes=lanes, tag_bits=spec.row_bits + 1)
        m.submodules.requantizer = requantizer
        operand, result = requantizer.i, requantizer.o
        moved = operand.valid & operand.ready
        m.d.comb += [
            table.set.eq(groups.p.set),
            table.group.eq(groups.p.group),
            operand.valid.eq(groups.valid & self.scales.valid),
            groups.ready.eq(operand.ready & self.scales.valid),
            self.scales.ready.eq(moved & groups.p.last),
            operand.p.mantissa.eq(self.scales.p.mantissa),
            operand.p.exponent.eq(self.scales.p.exponent),
            operand.p.tag.eq(Cat(groups.p.row, groups.p.last)),
            guard.requantized.set.eq(groups.p.set),
            guard.requantized.done.eq(moved & groups.p.release),
            self.o.valid.eq(result.valid),
            result.ready.eq(self.o.ready),
            self.o.p.data.eq(result.p.data),
            self.o.p.row.eq(result.p.tag[:-1]),
            self.o.p.last.eq(result.p.tag[-1]),
        ]
        for lane in range(lanes):
            m.d.comb += [
                operand.p.accumulator[lane].eq(groups.p.sums[lane]),
                operand.p.multiplier[lane].eq(table.multipliers[lane]),
                operand.p.bias[lane].eq(table.biases[lane]),
            ]


def result_queue(spec: CoreSpec, plan: CorePlan) -> Buffer | Queue:
    """What lets a macro run ahead: ``results_ahead`` of its results."""
    layout = result_layout(spec, plan)
    return Buffer(layout) if plan.results_ahead == 1 else Queue(layout, plan.results_ahead)


def core_key(spec: CoreSpec, plan: CorePlan) -> str:
    """Short Verilog-safe name of a core."""
    name = "pipelined_core" if plan.pipelined else "core"
    return (
        f"{name}_{spec.macros}_{spec_key(spec.macro)}_{plan_key(plan.macro)}_r{spec.rows}"
        f"_{requantize_key(spec.requantize)}_q{plan.lanes(spec)}"
        f"_d{plan.input_depth}_{plan.results_ahead}_{plan.row_depth}"
    )
