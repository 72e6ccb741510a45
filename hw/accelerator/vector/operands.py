"""Reads what an instruction needs from the buffer: rows of a, b and c."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import read_signature, word_layout
from hw.accelerator.reader import Reader
from hw.accelerator.relay import Relay
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
        self._sizes = sizes = (plan.address_bits, plan.word_bytes)
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
        sizes, settings, slots = self._sizes, self.settings, row_slots(self.settings)
        m.submodules.jobs = jobs = Jobs(self.plan)
        m.submodules.places = places = Relay(jobs.o.payload.shape())
        wiring.connect(m, jobs.o, places.i)
        by_word, new_by_word = _by_word(settings), _by_word(self.new)
        first = row_slots(self.new)
        # Never do both.
        m.d.comb += [
            jobs.rows.valid.eq(self.begins & (new_by_word["a"] | new_by_word["c"])),
            jobs.rows.p.base.eq(Mux(new_by_word["a"], first.a, first.c)),
            jobs.rows.p.stride.eq(first.c_stride),
            jobs.rows.p.rows.eq(self.new.rows),
            jobs.rows.p.words.eq(self.new.words),
            jobs.rows.p.tail.eq(_tail(self.new)),
            # The combiner folds one beat of a window's words after the other.
            jobs.by_beat.eq(by_word["a"]),
        ]
        reads = {"a": 1, "b": self.new.reads_b, "c": self.new.reads_c}
        for name in OPERANDS:
            m.submodules[f"reader_{name}"] = reader = Reader(*sizes, tails=self.plan.lanes > 1)
            wiring.connect(m, reader.port, wiring.flipped(getattr(self.ports, name)))
            wiring.connect(m, reader.o, wiring.flipped(getattr(self.words, name)))
            waits, job = Signal(name=f"waits_{name}"), reader.jobs.p
            with m.If(self.begins):
                m.d.sync += waits.eq(reads[name] & ~new_by_word[name])
            with m.Elif(reader.jobs.ready):
                m.d.sync += waits.eq(0)
            m.d.comb += [
                reader.jobs.valid.eq(waits),
                job.base.eq(slots[name]),
                job.stride.eq(slots[f"{name}_stride"]),
                job.rows.eq(settings.rows),
                job.words.eq(settings.words),
                job.tail.eq(_tail(settings)),
            ]
            if name != "b":
                with m.If(by_word[name]):
                    m.d.comb += [
                        reader.jobs.valid.eq(places.o.valid),
                        places.o.ready.eq(reader.jobs.ready),
                        job.base.eq(places.o.p.base),
                        job.tail.eq(places.o.p.tail),
                        job.words.eq(1),
                        job.rows.eq(settings.length if name == "a" else 2),
                    ]
                    if name == "c":
                        m.d.comb += job.stride.eq(slots.d_distance)
            if name == "a":
                m.d.comb += self.idle.eq(~reader.jobs.valid)
        return m


def _by_word(settings: Any) -> dict[str, Value]:
    """Operands read word by word: down the rows of a window, or of c and d by turns."""
    pairs = settings.reads_c & (settings.flags.combine == Combine.CELL)
    return {"a": is_opcode(settings, Opcode.REDUCE), "b": Const(0), "c": pairs}


def _tail(settings: Any) -> Value:
    """Bytes of a row's last word."""
    return Cat(Const(0, 1), settings.tail)
