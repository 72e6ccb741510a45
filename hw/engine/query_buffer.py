"""Holds the queries of two jobs: one that the array reads again and again, one that comes in."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from hw.engine.layout import command_layout, operand_layout, rows_layout, scale_layout
from hw.engine.plan import CODE_BITS, EnginePlan


class QueryBuffer(wiring.Component):
    """Rows of codes with their scales, in two banks by turns.

    A query comes as a header beat, whose lowest bits are its row scale, and its beats of codes.
    Throughput is one beat per cycle; a read takes one cycle.

    Members
    -------
    job : how many queries a job has, and how long they are
    i : beats of ``lanes`` bytes
    read : which part of which query to read
    x, scale : what was asked for in the cycle before
    rows : per bank, how many of its job's queries are here
    free : per bank, its job is over
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        super().__init__({
            "job": In(stream.Signature(rows_layout(spec, plan, "queries"))),
            "i": In(stream.Signature(operand_layout(plan))),
            "read": In(command_layout(spec, plan)),
            "x": Out(operand_layout(plan)),
            "scale": Out(scale_layout(spec)),
            "rows": Out(range(plan.rows + 1)).array(2),
            "free": In(2),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self.plan
        bank, row, place = Signal(), Signal(plan.row_bits), Signal(range(plan.beats + 1))
        job = Signal(self.job.payload.shape())
        started, busy = Signal(), Signal(2)
        taken, header, row_ends = Signal(), place == 0, place == job.beats
        m.d.comb += [
            self.i.ready.eq(started),
            taken.eq(self.i.valid & started),
            self.job.ready.eq(~started & ~busy.bit_select(bank, 1)),
        ]
        for index in range(2):
            with m.If(self.free[index]):
                m.d.sync += [self.rows[index].eq(0), busy[index].eq(0)]
        with m.If(self.job.valid & self.job.ready):
            m.d.sync += [
                started.eq(1),
                job.eq(self.job.payload),
                busy.bit_select(bank, 1).eq(1),
                row.eq(0),
            ]
        with m.If(taken):
            m.d.sync += place.eq(Mux(row_ends, 0, place + 1))
            with m.If(row_ends):
                m.d.sync += row.eq(row + 1)
                for index in range(2):
                    with m.If(bank == index):
                        m.d.sync += self.rows[index].eq(row + 1)
                with m.If(row + 1 == job.count):
                    m.d.sync += [started.eq(0), bank.eq(~bank)]

        depth = 1 << (1 + plan.row_bits)
        m.submodules.codes = codes = Memory(
            shape=unsigned(CODE_BITS * plan.lanes), depth=depth << plan.beat_bits, init=[]
        )
        m.submodules.scales = scales = Memory(shape=scale_layout(self.spec), depth=depth, init=[])
        code_write, code_read = codes.write_port(), codes.read_port()
        scale_write, scale_read = scales.write_port(), scales.read_port()
        scale = Value.cast(self.i.payload)[: len(Value.cast(self.scale))]
        reads = Cat(self.read.row, self.read.bank)
        m.d.comb += [
            code_write.en.eq(taken & ~header),
            code_write.addr.eq(Cat((place - 1)[: plan.beat_bits], row, bank)),
            code_write.data.eq(self.i.payload),
            scale_write.en.eq(taken & header),
            scale_write.addr.eq(Cat(row, bank)),
            Value.cast(scale_write.data).eq(scale),
            code_read.addr.eq(Cat(self.read.index[: plan.beat_bits], reads)),
            scale_read.addr.eq(reads),
            Value.cast(self.x).eq(code_read.data),
            self.scale.eq(scale_read.data),
        ]
        return m
