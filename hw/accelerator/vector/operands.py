"""Reads what an instruction needs from the buffer: rows of a, b and c."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import read_signature, word_layout
from hw.accelerator.reader import Reader
from hw.accelerator.vector.decode import is_opcode, row_slots, settings_layout
from hw.accelerator.vector.fields import Combine, Opcode
from hw.accelerator.vector.jobs import Jobs
from hw.accelerator.vector.plan import VectorPlan

OPERANDS = ("a", "b", "c")


class Operands(wiring.Component):
    """One reader per operand; reduce reads a column of words after the other, an LSTM c and d by
    turns.

    Throughput is one word per operand and cycle.

    Members
    -------
    begins : ``settings`` are a new instruction's from the next cycle on
    settings : held while an instruction is under way
    ports : to the buffer, by operand
    words : ``hw.accelerator.layout.word_layout``, by operand
    idle : the readers have all jobs of a
    """

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        sizes = (plan.address_bits, plan.word_bytes)
        word = stream.Signature(word_layout(plan.word_bytes))
        super().__init__({
            "begins": In(1),
            "settings": In(settings_layout(plan)),
            "ports": Out(
                wiring.Signature({name: Out(read_signature(*sizes)) for name in OPERANDS})
            ),
            "words": Out(wiring.Signature({name: Out(word) for name in OPERANDS})),
            "idle": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        settings, slots = self.settings, row_slots(self.settings)
        combine = settings.flags.combine
        loads, folds, pairs = settings.opcode[1], Signal(), Signal()
        m.d.comb += [
            folds.eq(is_opcode(settings, Opcode.REDUCE)),
            pairs.eq(combine == Combine.CELL),
        ]
        uses = {
            "a": 1,
            "b": ~loads & (combine != Combine.PASS),
            "c": ~loads & (pairs | (combine == Combine.GRU)),
        }
        for name in OPERANDS:
            m.submodules[f"jobs_{name}"] = jobs = Jobs(self.plan.address_bits, self.plan.word_bytes)
            m.submodules[f"reader_{name}"] = reader = Reader(
                self.plan.address_bits, self.plan.word_bytes, tails=True
            )
            wiring.connect(m, jobs.o, reader.jobs)
            wiring.connect(m, reader.port, wiring.flipped(getattr(self.ports, name)))
            wiring.connect(m, reader.o, wiring.flipped(getattr(self.words, name)))
            waits = Signal(name=f"waits_{name}")
            walk = jobs.i.p
            m.d.comb += [
                jobs.i.valid.eq(waits & uses[name]),
                walk.job.base.eq(slots[name]),
                walk.job.stride.eq(slots[f"{name}_stride"]),
                walk.job.rows.eq(settings.rows),
                walk.job.words.eq(settings.words),
                walk.job.tail.eq(Cat(Const(0, 1), settings.tail)),
                walk.step.eq(slots.c_stride),
                walk.groups.eq(1),
                walk.places.eq(1),
            ]
            with m.If(self.begins):
                m.d.sync += waits.eq(1)
            with m.Elif(jobs.i.ready):
                m.d.sync += waits.eq(0)
            word_by_word = {"a": folds, "b": 0, "c": pairs}[name]
            with m.If(word_by_word):
                m.d.comb += [
                    walk.groups.eq(settings.rows),
                    walk.places.eq(settings.words),
                    walk.job.words.eq(1),
                    walk.job.rows.eq(Mux(folds, settings.length, 2)),
                ]
            if name == "c":
                with m.If(pairs):
                    m.d.comb += walk.job.stride.eq(slots.d_distance)
            if name == "a":
                m.d.comb += self.idle.eq(~waits)
                with m.If(loads):
                    m.d.comb += [walk.job.rows.eq(1), walk.job.tail.eq(0)]
        return m
