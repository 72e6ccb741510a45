"""Decides cycle by cycle what the array does: a block's queries times keys, then its contexts."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from golden.spec import ceil_log2
from hw.engine.layout import BANK_BITS, command_layout, job_layout
from hw.engine.plan import EnginePlan


class Sequencer(wiring.Component):
    """For each block of keys: every query against the keys, then every query's context.

    Two phases of equal length: while one runs, the operands of the other are loaded. A command
    waits for its operands only: for keys, values, the query, the query's probabilities, and at a
    job's first context for a free bank. Without such a wait there is one command per cycle.

    Members
    -------
    job : stream of jobs, each taken with its last command
    valid, command : to the array's operands
    keys_ready, values_ready : of the loader
    rows : of the query buffer, per bank
    probabilities_ready : a row of probabilities was written in this cycle
    context_free : per bank, contexts may be written
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
            "context_free": In(2),
            "starts": Out(1),
            "ahead": Out(signed(ceil_log2(plan.longest + 1) + 2)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan, job = self.spec, self.plan, self.job.p
        command = self.command
        groups, key_chunks = plan.groups(spec), plan.key_chunks(spec)
        context, bank = Signal(), Signal(BANK_BITS)
        row = Signal(plan.row_bits)
        part = Signal(range(max(plan.chunks, key_chunks)))
        group = Signal(range(groups))
        passed = Signal.like(job.keys)
        last_block = (job.keys - passed) <= spec.key_block
        ready_rows = Signal(range(plan.rows + 1))
        row_ends, issued = Signal(), Signal()
        m.d.sync += ready_rows.eq(
            ready_rows + self.probabilities_ready - (issued & context & row_ends)
        )
        part_ends = part == Mux(context, key_chunks - 1, plan.chunks - 1)
        group_ends = ~context | (group == groups - 1)
        phase_ends = Signal()
        m.d.comb += [
            row_ends.eq(part_ends & group_ends),
            phase_ends.eq(row_ends & (row == job.queries - 1)),
        ]
        here = Mux(bank[0], self.rows[1], self.rows[0])
        free = Mux(bank[0], self.context_free[1], self.context_free[0])
        fresh = passed == 0
        with m.If(context):
            m.d.comb += self.valid.eq(
                self.job.valid & self.values_ready & (ready_rows != 0) & (~fresh | free)
            )
        with m.Else():
            m.d.comb += self.valid.eq(self.job.valid & self.keys_ready & (row < here))
        m.d.comb += [
            issued.eq(self.valid),
            command.context.eq(context),
            command.bank.eq(bank),
            command.row.eq(row),
            command.index.eq(part),
            command.group.eq(group),
            command.set.eq(Mux(context, plan.chunks + group * key_chunks + part, part)),
            command.fresh.eq(fresh),
            command.first.eq(part == 0),
            command.last.eq(part_ends),
            command.ends.eq(phase_ends),
            command.done.eq(phase_ends & last_block),
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
                        m.d.sync += bank.eq(bank + 1)
        return m
