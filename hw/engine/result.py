"""Contexts that are complete: they wait in a queue of rows and leave divided by their sums."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from golden.spec import ceil_log2
from hw.engine.context import sums_layout
from hw.engine.layout import job_layout, result_layout, scale_layout
from hw.engine.plan import EnginePlan
from hw.engine.rescale import ALWAYS
from hw.engine.row_queue import RowQueue
from hw.ops.head_scale import head_scale, narrowed, operands
from hw.ops.reciprocal import Reciprocal
from hw.ops.requantize import Requantizer
from hw.pipeline import delayed, held


def complete_layout(spec: AttentionSpec, plan: EnginePlan) -> data.StructLayout:
    """A row whose last products are on their way: its sum, its head's numbers and length.

    ``done`` ends its job.
    """
    job = job_layout(spec, plan).members
    return data.StructLayout({
        "total": unsigned(plan.total_bits(spec)),
        "multiplier": job["context_multiplier"],
        "offset": job["context_offset"],
        "beats": job["beats"],
        "done": unsigned(1),
    })


class Result(wiring.Component):
    """``o = requantise(context, multiplier, 1 / sum * 2**offset)``; a sum of 0 gives zeros.

    Contexts come in the order of their rows, and there is room for ``plan.rows`` of them; so a job
    leaves while its last rows are computed. Throughput is ``output_lanes`` results per cycle.

    Members
    -------
    complete_valid, complete : a row
    write, sums : the next ``key_block`` elements of the rows' contexts
    given : a row has been read to its end
    o : results
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        super().__init__({
            "complete_valid": In(1),
            "complete": In(complete_layout(spec, plan)),
            "write": In(1),
            "sums": In(sums_layout(spec, plan)),
            "given": Out(1),
            "o": Out(stream.Signature(result_layout(spec, plan))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        bits, lanes = plan.context_bits(spec), plan.output_lanes
        numbers = narrowed(spec.requantize, bits)
        place_bits = plan.row_bits + plan.group_bits(spec)
        m.submodules.words = words = RowQueue(self.sums.shape(), place_bits)
        m.submodules.rows = rows = self._scales(m)
        m.submodules.requantizer = scaled = Requantizer(numbers, lanes=lanes, tag_bits=2)

        parts, part = spec.key_block // lanes, Signal.like(rows.o.p.last_part)
        row, moved = rows.o.p, Signal()
        row_ends = part == row.last_part
        word_ends = row_ends | (part[: ceil_log2(parts)] == parts - 1)
        word = Value.cast(words.o.payload)
        chosen = word.word_select(part[: ceil_log2(parts)], len(word) // parts)
        sums = [chosen.word_select(lane, bits) for lane in range(lanes)]
        scale = row.scale
        m.d.comb += [
            words.write.eq(self.write),
            words.i.eq(self.sums),
            scaled.i.valid.eq(words.o.valid & rows.o.valid),
            Value.cast(scaled.i.payload).eq(
                Cat(
                    operands(numbers, sums, scale.mantissa, scale.exponent),
                    Cat(row_ends, row_ends & row.done),
                )
            ),
            moved.eq(scaled.i.valid & scaled.i.ready),
            words.o.ready.eq(moved & word_ends),
            self.given.eq(moved & row_ends),
            rows.o.ready.eq(self.given),
            self.o.valid.eq(scaled.o.valid),
            scaled.o.ready.eq(self.o.ready),
            Value.cast(self.o.payload).eq(Value.cast(scaled.o.payload)),
        ]
        with m.If(moved):
            m.d.sync += part.eq(Mux(row_ends, 0, part + 1))
        return m

    def _scales(self, m: Module) -> RowQueue:
        """Each row's ``1 / sum`` with its head's numbers in it, its length and end."""
        spec, plan, row = self.spec, self.plan, self.complete
        shares = plan.lanes // plan.output_lanes
        rows = RowQueue(
            data.StructLayout({
                "scale": scale_layout(spec),
                "last_part": range(plan.beats * shares),
                "done": unsigned(1),
            }),
            plan.row_bits,
        )
        m.submodules.reciprocal = reciprocal = Reciprocal(spec.reciprocal, plan.total_bits(spec))
        head = held(m, ALWAYS, "head", Cat(row.multiplier, row.offset), Reciprocal.STAGES)
        multiplier, offset = head[: len(row.multiplier)], head[len(row.multiplier) :].as_signed()
        scale = head_scale(
            *(m, "scale", spec.requantize, multiplier),
            *(reciprocal.mantissa, reciprocal.exponent + offset),
        )
        stages = Reciprocal.STAGES + 1
        last_part = ((row.beats << ceil_log2(shares)) - 1)[: (plan.beats * shares - 1).bit_length()]
        m.d.comb += [
            reciprocal.enable.eq(1),
            reciprocal.n.eq(row.total),
            rows.write.eq(delayed(m, "complete", self.complete_valid, stages)),
            Value.cast(rows.i).eq(
                Cat(scale, held(m, ALWAYS, "end", Cat(last_part, row.done), stages))
            ),
        ]
        return rows
