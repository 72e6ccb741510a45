"""The contexts of two jobs: one that grows block by block, one that is divided by its sums."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from hw.engine.layout import BANK_BITS, command_layout, result_layout
from hw.engine.plan import EnginePlan
from hw.engine.rescale import factor_layout, head_scale, narrowed, operands, scale_layout, shifted
from hw.ops.reciprocal import Reciprocal
from hw.ops.requantize import Requantizer
from hw.pipeline import Pipeline, held
from hw.stream import Queue


def finished_layout(spec: AttentionSpec, plan: EnginePlan) -> data.StructLayout:
    """A job whose contexts are complete."""
    return data.StructLayout({
        "queries": unsigned(len(Signal(range(plan.rows + 1)))),
        "multiplier": unsigned(spec.requantize.multiplier_bits),
        "offset": signed(spec.requantize.exponent_bits + 1),
        "bank": unsigned(BANK_BITS),
    })


class Context(wiring.Component):
    """Keeps contexts, rescales the one that is added to, and gives those that are complete.

    ``o = requantise(context, multiplier, 1 / sum * 2**offset)``; a query that saw no key gives
    zeros. Throughput is ``output_lanes`` results per cycle.

    Members
    -------
    read : command whose context is read
    factor : on what is read, one cycle later
    addend : the rescaled context, or 0, ``RESCALE_STAGES`` cycles after ``read``
    write, write_command, sums : a sum of the array that is kept
    finished : stream of jobs to be given
    total_row, total_read, total : sum of a row, one cycle later
    claim : per bank, the array has read it for the last time in this job
    free : per bank, nothing of it has to be given
    o : results
    """

    RESCALE_STAGES = 3

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        self.word = data.ArrayLayout(signed(plan.context_bits(spec)), spec.key_block)
        super().__init__({
            "read": In(command_layout(spec, plan)),
            "factor": In(factor_layout(spec, plan)),
            "addend": Out(self.word),
            "write": In(1),
            "write_command": In(command_layout(spec, plan)),
            "sums": In(self.word),
            "finished": In(stream.Signature(finished_layout(spec, plan))),
            "total_row": Out(plan.row_bits + BANK_BITS),
            "total_read": Out(1),
            "total": In(plan.total_bits(spec)),
            "claim": In(2),
            "free": Out(2, init=0b11),
            "o": Out(stream.Signature(result_layout(spec, plan))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        groups, bits = plan.groups(spec), plan.context_bits(spec)
        drain_place, drain_enable = Signal(range(plan.rows * groups)), Signal()
        words = []
        for bank in range(2):
            m.submodules[f"bank_{bank}"] = memory = Memory(
                shape=self.word, depth=(1 << plan.row_bits) * groups, init=[]
            )
            write, read = memory.write_port(), memory.read_port()
            drains = ~self.free[bank]
            m.d.comb += [
                write.en.eq(self.write & (self.write_command.bank[0] == bank)),
                write.addr.eq(self.write_command.row * groups + self.write_command.group),
                write.data.eq(self.sums),
                read.addr.eq(Mux(drains, drain_place, self.read.row * groups + self.read.group)),
                read.en.eq(~drains | drain_enable),
            ]
            words.append(Value.cast(read.data))

        always = Signal(init=1)
        read_bank = held(m, always, "read_bank", self.read.bank[0])
        none = held(m, always, "none", self.read.fresh | ~self.read.context, 2)
        old = Signal(self.word)
        m.d.comb += Value.cast(old).eq(Mux(read_bank, words[1], words[0]))
        places = held(m, always, "places", self.factor.places)
        for column in range(spec.key_block):
            product = held(m, always, f"product_{column}", old[column] * self.factor.mantissa)
            rounded = shifted(spec, product, places)[:bits].as_signed()
            kept = held(m, always, f"rescaled_{column}", Mux(none, 0, rounded))
            m.d.comb += self.addend[column].eq(kept)
        self._drain(m, words, drain_place, drain_enable)
        return m

    def _drain(self, m: Module, words: list[Value], place: Signal, enable: Signal) -> None:
        """Give the contexts of a finished job, and free its bank."""
        spec, plan = self.spec, self.plan
        groups, parts = plan.groups(spec), spec.key_block // plan.output_lanes
        bits = plan.context_bits(spec)
        numbers = narrowed(spec.requantize, bits)
        job = self.finished.p
        m.submodules.scales = scales = Queue(scale_layout(spec.requantize), 2)
        self._reciprocals(m, scales)

        m.submodules.requantizer = scaled = Requantizer(
            numbers, lanes=plan.output_lanes, tag_bits=2
        )
        row, group = Signal(plan.row_bits), Signal(range(groups))
        part = Signal(range(parts))
        here, draining = Signal(), Signal()
        word_ends, row_ends = part == parts - 1, group == groups - 1
        job_ends = row == job.queries - 1
        beat, moved = Signal(), Signal()
        next_row, next_group = Signal(plan.row_bits), Signal(range(groups))
        word = Signal(self.word)
        m.d.comb += [
            Value.cast(word).eq(Mux(job.bank[0], words[1], words[0])),
            beat.eq(here & scales.o.valid),
            scaled.i.valid.eq(beat),
            moved.eq(beat & scaled.i.ready),
            scales.o.ready.eq(moved & word_ends & row_ends),
            next_group.eq(Mux(row_ends, 0, group + 1)),
            next_row.eq(row + row_ends),
            # The next word is read while the last part of this one leaves.
            place.eq(Mux(here, next_row * groups + next_group, 0)),
            enable.eq(~here | (moved & word_ends)),
        ]
        chosen = Value.cast(word).word_select(part, len(Value.cast(word)) // parts)
        sums = [chosen.word_select(lane, bits) for lane in range(plan.output_lanes)]
        tag = Cat(word_ends & row_ends, word_ends & row_ends & job_ends)
        scale = scales.o.p
        m.d.comb += Value.cast(scaled.i.payload).eq(
            Cat(operands(numbers, sums, scale.mantissa, scale.exponent), tag)
        )
        with m.If(self.finished.valid & ~draining):
            m.d.sync += draining.eq(1)
        with m.If(draining):
            m.d.sync += here.eq(1)
        given = Mux(self.finished.ready, Const(1, 2) << job.bank[0], 0)
        m.d.sync += self.free.eq((self.free & ~self.claim) | given)
        with m.If(moved):
            m.d.sync += part.eq(Mux(word_ends, 0, part + 1))
            with m.If(word_ends):
                m.d.sync += [group.eq(next_group), row.eq(next_row)]
                with m.If(row_ends & job_ends):
                    m.d.comb += self.finished.ready.eq(1)
                    m.d.sync += [
                        row.eq(0),
                        here.eq(0),
                        draining.eq(0),
                    ]
        m.d.comb += [
            self.o.valid.eq(scaled.o.valid),
            scaled.o.ready.eq(self.o.ready),
            Value.cast(self.o.p.data).eq(Value.cast(scaled.o.p.data)),
            self.o.p.last.eq(scaled.o.p.tag[0]),
            self.o.p.done.eq(scaled.o.p.tag[1]),
        ]

    def _reciprocals(self, m: Module, scales: Queue) -> None:
        """``1 / sum`` of each row of the job, ahead of its contexts."""
        spec, plan = self.spec, self.plan
        job = self.finished.p
        row, over = Signal(range(plan.rows + 1)), Signal()
        asked = stream.Signature(unsigned(1)).create()
        m.submodules.reciprocal = reciprocal = Reciprocal(spec.reciprocal, plan.total_bits(spec))
        told = Pipeline(m, asked, scales.i, 2 + Reciprocal.STAGES)
        scale = head_scale(
            *(m, "scale", told.moves, spec.requantize, job.multiplier),
            *(reciprocal.mantissa, reciprocal.exponent + job.offset),
        )
        m.d.comb += [
            asked.valid.eq(self.finished.valid & ~over),
            self.total_row.eq(Cat(row[: plan.row_bits], job.bank)),
            self.total_read.eq(told.moves),
            reciprocal.enable.eq(told.moves),
            reciprocal.n.eq(self.total),
            Value.cast(scales.i.payload).eq(scale),
        ]
        with m.If(asked.valid & asked.ready):
            m.d.sync += row.eq(row + 1)
            with m.If(row == job.queries - 1):
                m.d.sync += over.eq(1)
        with m.If(self.finished.ready):
            m.d.sync += [row.eq(0), over.eq(0)]
