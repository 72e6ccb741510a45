"""Whether an instruction of the vector unit is illegal or leaves the buffer."""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.extent import Extent, walk_layout
from hw.accelerator.faults import FAULT_BITS, Fault
from hw.accelerator.layout import COUNT_BITS, SLOT_BITS
from hw.accelerator.vector.decode import is_opcode, row_slots, settings_layout, wrong_fields
from hw.accelerator.vector.fields import Combine, Opcode
from hw.accelerator.vector.plan import VectorPlan


class _Walk(NamedTuple):
    """Rows that begin ``distance`` words behind ``base``, if they are ``used``."""

    used: ValueLike
    base: Value
    stride: ValueLike
    words: ValueLike
    distance: ValueLike = 0


class Bounds(wiring.Component):
    """Tells ``checked`` or ``fails`` of each instruction, ``latency`` cycles after it ``begins``.

    It fails if a field is illegal, or if an operand that is read or a result that is written ends
    behind the buffer. All of these go through one ``Extent``, a cycle each, while the instruction's
    first words are read: it loses no time if it writes nothing before.

    Members
    -------
    begins : ``settings`` are a new instruction's from the next cycle on
    settings : held while an instruction is under way
    checked : all is well; until the next instruction begins
    fails : something is not; for one cycle
    fault : what, with ``fails``
    """

    walks = 6
    latency = walks + 3 + Extent.latency

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        super().__init__({
            "begins": In(1),
            "settings": In(settings_layout(plan)),
            "checked": Out(1),
            "fails": Out(1),
            "fault": Out(FAULT_BITS),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.extent = extent = Extent(1 << self.plan.address_bits)
        walks = self._walks(m)
        # Cycles since the instruction began; in each of the first it is a walk's turn.
        cycle = Signal(self.latency - 1)
        turns = cycle[: len(walks)]
        used = Signal(Extent.latency + 2)
        first, distance = Signal(walk_layout()), Signal(signed(SLOT_BITS + 1))
        start = (first.base + distance).as_unsigned()
        m.d.sync += [
            cycle.eq(Cat(self.begins, cycle)),
            used.eq(Cat(_of_turn(turns, [walk.used for walk in walks]), used)),
            first.base.eq(_of_turn(turns, [walk.base for walk in walks])),
            first.stride.eq(_of_turn(turns, [walk.stride for walk in walks])),
            first.words.eq(_of_turn(turns, [walk.words for walk in walks])),
            distance.eq(_of_turn(turns, [walk.distance for walk in walks])),
            # Before the buffer is as far outside as behind it.
            extent.walk.base.eq(Cat(start[: SLOT_BITS - 1], start[SLOT_BITS - 1 :].any())),
            extent.walk.stride.eq(first.stride),
            extent.walk.words.eq(first.words),
        ]
        m.d.comb += extent.walk.rows.eq(self.settings.rows)
        outside, wrong = Signal(), Signal()
        bits = wrong_fields(self.plan, self.settings)
        each = Signal(len(bits))
        ends = cycle[-1]
        found = outside | (used[-1] & extent.outside)
        m.d.sync += [
            each.eq(bits),
            wrong.eq(each.any()),
            outside.eq(found & ~self.begins),
            self.checked.eq(((ends & ~found & ~wrong) | self.checked) & ~self.begins),
            self.fails.eq(ends & (found | wrong)),
            self.fault.eq(Mux(wrong, Fault.FIELD, Fault.BUFFER)),
        ]
        return m

    def _walks(self, m: Module) -> list[_Walk]:
        settings, slots = self.settings, row_slots(self.settings)
        flags, words = settings.flags, settings.words
        rows, loads = ~settings.opcode[1], settings.opcode[1]
        folds = is_opcode(settings, Opcode.REDUCE)
        lstm = flags.combine == Combine.CELL
        results = flags.rows | flags.argmax | flags.top_k
        written = Mux(flags.rows, words, Mux(flags.top_k, slots.ranks, 1))
        # A window is as long as its rows, and begins where c would; it is known two cycles late.
        steps, window = Signal(COUNT_BITS), Signal(2 * COUNT_BITS)
        m.d.sync += [steps.eq(settings.length - 1), window.eq(steps * slots.a_stride)]
        stride = Mux(folds, slots.c_stride, Mux(loads, 0, slots.a_stride))
        code_words = settings.code_words + flags.header
        return [
            _Walk(rows & results, slots.rows, slots.rows_stride, written),
            _Walk(rows & flags.codes, slots.codes, slots.codes_stride, code_words),
            _Walk(settings.reads_b, slots.b, slots.b_stride, words),
            _Walk(settings.reads_c, slots.c, slots.c_stride, words),
            _Walk(rows & lstm, slots.c, slots.c_stride, words, slots.d_distance),
            _Walk(1, slots.a, stride, words, Mux(folds, window, 0)),
        ]


def _of_turn(turns: Value, values: Sequence[ValueLike]) -> Value:
    """The one of ``values`` whose turn it is, 0 in between."""
    return reduce(or_, (Mux(turn, one, 0) for turn, one in zip(turns, values, strict=True)))
