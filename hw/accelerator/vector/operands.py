"""Reads what an instruction needs from the buffer: rows of a, b and c."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
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
    begins : ``settings`` are those of ``new`` from the next cycle on, all words being read
    new : the next instruction
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
            "new": In(settings_layout(plan)),
            "settings": In(settings_layout(plan)),
            "ports": Out(
                wiring.Signature({name: Out(read_signature(*sizes)) for name in OPERANDS})
            ),
            "words": Out(wiring.Signature({name: Out(word) for name in OPERANDS})),
            "idle": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        sizes = (self.plan.address_bits, self.plan.word_bytes)
        for name in OPERANDS:
            m.submodules[f"reader_{name}"] = reader = Reader(*sizes, tails=True)
            wiring.connect(m, reader.port, wiring.flipped(getattr(self.ports, name)))
            wiring.connect(m, reader.o, wiring.flipped(getattr(self.words, name)))
            job, slots = reader.jobs.p, row_slots(self.settings)
            m.d.comb += [
                job.stride.eq(slots[f"{name}_stride"]),
                job.rows.eq(self.settings.rows),
                job.words.eq(self.settings.words),
            ]
            if name == "b":
                waits = Signal()
                with m.If(self.begins):
                    m.d.sync += waits.eq(self.new.reads_b)
                with m.Elif(reader.jobs.ready):
                    m.d.sync += waits.eq(0)
                m.d.comb += [
                    reader.jobs.valid.eq(waits),
                    job.base.eq(slots.b),
                    job.tail.eq(_tail(self.settings)),
                ]
                continue
            m.submodules[f"jobs_{name}"] = jobs = Jobs(*sizes)
            new, by_word = row_slots(self.new), _by_word(self.new, name)
            m.d.comb += [
                jobs.rows.valid.eq(self.begins & (self.new.reads_c if name == "c" else 1)),
                jobs.rows.p.base.eq(new[name]),
                jobs.rows.p.stride.eq(new.c_stride),
                jobs.rows.p.rows.eq(Mux(by_word, self.new.rows, 1)),
                jobs.rows.p.words.eq(Mux(by_word, self.new.words, 1)),
                jobs.rows.p.tail.eq(_tail(self.new)),
                reader.jobs.valid.eq(jobs.o.valid),
                jobs.o.ready.eq(reader.jobs.ready),
                job.base.eq(jobs.o.p.base),
                job.tail.eq(jobs.o.p.tail),
            ]
            with m.If(_by_word(self.settings, name)):
                m.d.comb += [
                    job.words.eq(1),
                    job.rows.eq(self.settings.length if name == "a" else 2),
                ]
                if name == "c":
                    m.d.comb += job.stride.eq(slots.d_distance)
            if name == "a":
                m.d.comb += self.idle.eq(~jobs.o.valid)
        return m


def _by_word(settings: Any, name: str) -> Value:
    """Whether it is read word by word: down the rows of a window, or of c and d by turns."""
    folds = is_opcode(settings, Opcode.REDUCE)
    return {"a": folds, "c": settings.flags.combine == Combine.CELL}[name]


def _tail(settings: Any) -> Value:
    """Bytes of a row's last word."""
    return Cat(Const(0, 1), settings.tail)
