"""Takes an instruction of the vector unit apart, a cycle before it starts."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import ceil_log2
from hw.accelerator.layout import COUNT_BITS, instruction_layout
from hw.accelerator.vector.fields import (
    SLOT_BITS,
    Combine,
    Opcode,
    Scale,
    flags_layout,
    load_slots_layout,
    row_slots_layout,
)
from hw.accelerator.vector.plan import VectorPlan

SEGMENTS = 256
"""Segments of a short table; a long one has four times as many."""


def settings_layout(plan: VectorPlan) -> data.StructLayout:
    """What all parts of the unit are told while an instruction is under way.

    words, code_words
        Of a row of 16 bits, and of a row of codes without its header; of a load all its words.
    rows
        One of a load.
    tail
        Elements of a row's last word, 0 for all.
    length
        Rows of a window.
    reads_b, reads_c
        The instruction reads these operands, as well as a.
    nothing, wrong_opcode
        It does nothing; because nobody knows its opcode.
    """
    return data.StructLayout({
        "opcode": unsigned(2),
        "flags": flags_layout(),
        "slots": unsigned(SLOT_BITS),
        "rows": unsigned(COUNT_BITS),
        "length": unsigned(COUNT_BITS),
        "elements": unsigned(COUNT_BITS),
        "words": unsigned(COUNT_BITS),
        "code_words": unsigned(COUNT_BITS),
        "tail": unsigned(lane_bits(plan)),
        "reads_b": unsigned(1),
        "reads_c": unsigned(1),
        "nothing": unsigned(1),
        "wrong_opcode": unsigned(1),
    })


def lane_bits(plan: VectorPlan) -> int:
    """Width of the number of an element in its word."""
    return (plan.word_lanes - 1).bit_length()


def final_beat(plan: VectorPlan, tail: Value) -> Value:
    """The number of the last beat of a word of which ``tail`` elements count, 0 for all."""
    return (tail - 1)[ceil_log2(plan.lanes) : lane_bits(plan)]


def counting_lanes(plan: VectorPlan, settings: Any, last: Value) -> list[Value]:
    """Of each lane of a beat whether it belongs to the row, whose ``last`` beat this may be."""
    if plan.lanes == 1:
        return [Const(1)]
    tail = settings.tail[: ceil_log2(plan.lanes)]
    whole = ~last | (tail == 0)
    return [*(whole | (tail > lane) for lane in range((1 << len(tail)) - 1)), whole]


def row_slots(settings: Any) -> Any:
    """Slots of rows and reduce."""
    return data.View(row_slots_layout(), settings.slots)


def load_slots(settings: Any) -> Any:
    """Slots of channels and table."""
    return data.View(load_slots_layout(), settings.slots)


def is_opcode(settings: Any, opcode: Opcode) -> Value:
    """Whether the instruction under way is ``opcode``."""
    return settings.opcode == (opcode & 3)


class Decode(wiring.Component):
    """``o`` is what ``i`` says, one cycle later; throughput one instruction per cycle.

    Members
    -------
    i : ``hw.accelerator.layout.instruction_layout``
    o : ``settings_layout(plan)``
    """

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        super().__init__({
            "i": In(stream.Signature(instruction_layout())),
            "o": Out(stream.Signature(settings_layout(plan))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan, i = self.plan, self.i.p
        flags = data.View(flags_layout(), i.flags)
        slots = data.View(row_slots_layout(), Value.cast(i.slots))
        found, known = Signal(settings_layout(plan)), Signal()
        settings = Signal(settings_layout(plan), reset_less=True)
        loads = i.opcode[1]
        reduces = i.opcode[0] & ~loads
        elements = Mux(~loads & flags.counted, i.counts[1], slots.elements)
        m.d.comb += [
            found.opcode.eq(i.opcode),
            found.flags.eq(flags),
            found.slots.eq(Value.cast(i.slots)),
            found.rows.eq(Mux(loads, 1, i.counts[0])),
            found.length.eq(Mux(reduces, i.counts[1], 1)),
            found.elements.eq(elements),
            # A load has eight bytes an entry: four elements of 16 bits.
            found.words.eq(_words(Mux(loads, elements << 2, elements), plan.word_lanes)),
            found.code_words.eq(_words(elements, plan.word_bytes)),
            found.tail.eq(Mux(loads, 0, elements)),
            found.reads_b.eq(~loads & (flags.combine != Combine.PASS)),
            found.reads_c.eq(
                ~loads & ((flags.combine == Combine.CELL) | (flags.combine == Combine.GRU))
            ),
            known.eq(i.opcode[2:] == Opcode.ROWS >> 2),
            found.nothing.eq(~known | (i.counts[0] == 0) | (found.length == 0) | (elements == 0)),
            found.wrong_opcode.eq(~known & (i.counts[0] != 0)),
            self.i.ready.eq(~self.o.valid | self.o.ready),
            self.o.payload.eq(settings),
        ]
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid)
            with m.If(self.i.valid):
                m.d.sync += settings.eq(found)
        return m


def wrong_fields(plan: VectorPlan, settings: Any) -> Value:
    """Whatever makes an instruction illegal, a bit each: as ``sim.accelerator.vector_model``."""
    flags, slots, elements = settings.flags, row_slots(settings), settings.elements
    scale, combine, loads = flags.scale, flags.combine, settings.opcode[1]
    reduces = is_opcode(settings, Opcode.REDUCE)
    limited = (
        (scale == Scale.AFFINE)
        | (scale == Scale.LAYER_NORM)
        | (scale == Scale.L2_NORMALIZE)
        | (scale == Scale.SOFTMAX)
    )
    segments = (slots.table << 8) + Mux(flags.long_table, 4 * SEGMENTS, SEGMENTS)
    highest = Scale.MEAN if plan.softmax is None else Scale.SOFTMAX
    results = flags.rows + flags.argmax + flags.top_k
    of_rows = Cat(
        combine > Combine.CELL,
        scale > highest,
        (combine == Combine.PRODUCT) & (scale != Scale.MULTIPLIER),
        (combine == Combine.CELL) & (slots.cell_fraction_bits < 4),
        results > 1,
        (results == 0) & ~flags.codes,
        flags.raw & flags.header,
        flags.zero.any(),
        reduces & (combine != Combine.PASS),
        reduces & flags.counted,
        (scale == Scale.MEAN) != (reduces & ~flags.maximum),
        flags.maximum & ~reduces,
        flags.causal & (scale != Scale.SOFTMAX),
        limited & (elements > plan.width),
        flags.codes & ~flags.raw & (elements > plan.longest),
        flags.table & (segments > plan.segments),
        flags.top_k & ((slots.ranks == 0) | (slots.ranks > plan.ranks) | (slots.ranks > elements)),
    )
    segments = (load_slots(settings).table << 8) + elements
    of_loads = Mux(settings.opcode[0], segments > plan.segments, elements > plan.width)
    return Cat(of_rows & ~loads.replicate(len(of_rows)), of_loads & loads)


def _words(elements: Value, lanes: int) -> Value:
    """Words that hold so many elements."""
    return (elements + lanes - 1) >> (lanes - 1).bit_length()
