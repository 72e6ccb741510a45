"""Decides cycle by cycle what the array does: a block's queries times keys, then its contexts."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from golden.spec import ceil_log2
from hw.engine.layout import command_layout, job_layout
from hw.engine.plan import EnginePlan


class Sequencer(wiring.Component):
    """For each block of keys: every query against the keys, then every query's context.

    Two phases of equal length: while one runs, the operands of the other are loaded. A command
    waits for its operands only: for keys, values, the query, the query's probabilities, for the
    softmax where heads are too short to keep it busy, and at a query's last block for room for its
    context. Without such a wait there is one command per cycle. When a job is taken, all of its
    rows have left the softmax: they were waited for.

    Members
    -------
    job : stream of jobs, each taken with its last command
    valid, command : to the array's operands
    keys_ready, values_ready : of the loader
    rows : of the query buffer, per bank
    probabilities_ready : a row of probabilities was written in this cycle
    context_given : a complete context has left, and its place is free
    starts : the first command of a block's scores: masks are taken over
    ahead : per row with ``causal``, how many of the block's keys its first query sees, less one
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        super().__init__({
            "job": In(stream.Signature(job_layout(spec, plan))),
            "valid": Out(1),
            "command": Out(command_layout(spec, plan)),
            "keys_ready": In(1),
            "values_ready": In(1),
            "rows": In(range(plan.rows + 1)).array(2),
            "probabilities_ready": In(1),
            "context_given": In(1),
            "starts": Out(1),
            "ahead": Out(signed(ceil_log2(plan.longest + 1) + 2)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan, job = self.spec, self.plan, self.job.p
        command, issued = self.command, self.valid
        key_beats = plan.key_beats(spec)
        context, bank = Signal(), Signal()
        row = Signal(plan.row_bits)
        part = Signal(range(max(plan.beats, key_beats)))
        group = Signal(plan.group_bits(spec))
        groups = (job.beats + (key_beats - 1)) >> ceil_log2(key_beats)
        passed = Signal.like(job.keys)
        last_block = (job.keys - passed) <= spec.key_block
        row_ends, phase_ends = Signal(), Signal()
        ready_rows, kept_rows = Signal(range(plan.rows + 1)), Signal(range(plan.rows + 1))
        context_ends = issued & context & row_ends
        m.d.sync += [
            ready_rows.eq(ready_rows + self.probabilities_ready - context_ends),
            kept_rows.eq(kept_rows + (context_ends & last_block) - self.context_given),
        ]
        part_ends = part == Mux(context, key_beats, job.beats) - 1
        group_ends = ~context | (group == groups - 1)
        m.d.comb += [
            row_ends.eq(part_ends & group_ends),
            phase_ends.eq(row_ends & (row == job.queries - 1)),
        ]
        here = Mux(bank, self.rows[1], self.rows[0])
        fits = ~last_block | (kept_rows != plan.rows)
        with m.If(context):
            m.d.comb += issued.eq(self.job.valid & self.values_ready & (ready_rows != 0) & fits)
        with m.Else():
            keeps_up = self._softmax_keeps_up(m, issued & ~context & part_ends) | ~part_ends
            m.d.comb += issued.eq(self.job.valid & self.keys_ready & (row < here) & keeps_up)
        m.d.comb += [
            command.context.eq(context),
            command.bank.eq(bank),
            command.row.eq(row),
            command.index.eq(part),
            command.group.eq(group),
            command.set.eq(Mux(context, plan.beats + group * key_beats + part, part)),
            command.fresh.eq(passed == 0),
            command.final.eq(last_block),
            command.first.eq(part == 0),
            command.last.eq(part_ends),
            command.row_ends.eq(row_ends),
            command.ends.eq(phase_ends),
            self.starts.eq(issued & ~context & (row == 0) & (part == 0)),
            self.ahead.eq(job.position - passed),
            self.job.ready.eq(issued & context & phase_ends & last_block),
        ]
        with m.If(issued):
            m.d.sync += part.eq(Mux(part_ends, 0, part + 1))
            with m.If(part_ends):
                m.d.sync += group.eq(Mux(group_ends, 0, group + 1))
            with m.If(row_ends):
                m.d.sync += row.eq(Mux(phase_ends, 0, row + 1))
            with m.If(phase_ends):
                m.d.sync += context.eq(~context)
                with m.If(context):
                    m.d.sync += passed.eq(Mux(last_block, 0, passed + spec.key_block))
                    with m.If(last_block):
                        m.d.sync += bank.eq(~bank)
        return m

    def _softmax_keeps_up(self, m: Module, row_issued: Any) -> Any:
        """Whether the softmax has taken the scores of the row before, but for those of now."""
        beats = self.plan.row_beats(self.spec)
        if beats == 1:
            return 1
        left = Signal(range(beats))
        with m.If(row_issued):
            m.d.sync += left.eq(beats - 1)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        return left == 0
