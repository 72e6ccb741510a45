"""Decides cycle by cycle what the array does: a block's queries times keys, then its contexts."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed
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
    job : stream of jobs, each taken in the cycle after the last command of the one before
    current : what is being done
    done : its last command is given
    valid, command : to the array's operands
    keys_ready, values_ready : of the loader
    rows : of the query buffer, per bank
    probabilities_ready : a row of probabilities was written in this cycle
    context_given : a complete context has left, and its place is free
    ahead : per row with ``causal``, how many of the block's keys its first query sees, less one
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        super().__init__({
            "job": In(stream.Signature(job_layout(spec, plan))),
            "current": Out(job_layout(spec, plan)),
            "done": Out(1),
            "valid": Out(1),
            "command": Out(command_layout(spec, plan)),
            "keys_ready": In(1),
            "values_ready": In(1),
            "rows": In(range(plan.rows + 1)).array(2),
            "probabilities_ready": In(1),
            "context_given": In(1),
            "ahead": Out(signed(ceil_log2(plan.longest + 1) + 2)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        command, issued = self.command, self.valid
        key_beats = plan.key_beats(spec)
        active, last_part, last_row = Signal(), Signal(plan.beat_bits), Signal(plan.row_bits)
        context, bank = Signal(), Signal()
        row = Signal(plan.row_bits)
        part = Signal(range(max(2, plan.beats, key_beats)))
        group = Signal(plan.group_bits(spec))
        blocks = (self.job.p.keys - 1)[: len(self.job.p.keys)] >> ceil_log2(spec.key_block)
        later_blocks, fresh, last_block = Signal.like(blocks), Signal(), Signal()
        row_ends, phase_ends = Signal(), Signal()
        context_ends = issued & context & row_ends
        ready = self._stock(m, "ready_rows", 0, self.probabilities_ready, context_ends)
        keeps = context_ends & last_block
        fits = ~last_block | self._stock(m, "free_rows", plan.rows, self.context_given, keeps)
        part_ends = part == Mux(context, key_beats - 1, last_part)
        group_ends = ~context | (group == last_part >> ceil_log2(key_beats))
        m.d.comb += [
            row_ends.eq(part_ends & group_ends),
            phase_ends.eq(row_ends & (row == last_row)),
        ]
        # Whether a query is here is told a cycle ahead; after a job's first block all of them are.
        here = Signal()
        rows, other = (Mux(bank ^ swapped, self.rows[1], self.rows[0]) for swapped in (0, 1))
        next_here = Mux(row == last_row, ~last_block | other.any(), row + 1 < rows)
        m.d.sync += here.eq(Mux(issued & row_ends, next_here, row < rows))
        with m.If(context):
            m.d.comb += issued.eq(active & self.values_ready & ready & fits)
        with m.Else():
            keeps_up = self._softmax_keeps_up(m, issued & ~context & part_ends) | ~part_ends
            m.d.comb += issued.eq(active & self.keys_ready & here & keeps_up)
        m.d.comb += [
            command.context.eq(context),
            command.bank.eq(bank),
            command.row.eq(row),
            command.index.eq(part),
            command.group.eq(group),
            command.set.eq(Mux(context, plan.beats + group * key_beats + part, part)),
            command.fresh.eq(fresh),
            command.final.eq(last_block),
            command.first.eq(part == 0),
            command.last.eq(part_ends),
            command.row_ends.eq(row_ends),
            command.ends.eq(phase_ends),
            self.done.eq(issued & context & phase_ends & last_block),
            self.job.ready.eq(~active),
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
                    m.d.sync += [
                        later_blocks.eq(later_blocks - 1),
                        last_block.eq(later_blocks == 1),
                        self.ahead.eq(self.ahead - spec.key_block),
                        fresh.eq(0),
                        bank.eq(bank ^ last_block),
                    ]
        # What the job's numbers are compared with is at hand from its first command on.
        with m.If(self.done):
            m.d.sync += active.eq(0)
        with m.If(~active):
            m.d.sync += [
                active.eq(self.job.valid),
                self.current.eq(self.job.payload),
                last_part.eq(self.job.p.beats - 1),
                last_row.eq(self.job.p.queries - 1),
                later_blocks.eq(blocks),
                last_block.eq(blocks == 0),
                self.ahead.eq(self.job.p.position),
                fresh.eq(1),
            ]
        return m

    def _stock(self, m: Module, name: str, init: int, arrives: Value, leaves: Value) -> Signal:
        """Whether a row is left; known without waiting for the count."""
        count = Signal(range(self.plan.rows + 1), init=init, name=name)
        some = Signal(init=init > 0, name=f"some_{name}")
        m.d.sync += [
            count.eq(count + arrives - leaves),
            some.eq(arrives | (count > 1) | (some & ~leaves)),
        ]
        return some

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
