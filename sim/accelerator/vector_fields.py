"""Instructions of the vector unit taken apart, and which of them are illegal."""

from typing import Any, NamedTuple, Protocol

from hw.accelerator.layout import FIRST_SLOT, SLOTS
from hw.accelerator.vector.fields import (
    Combine,
    Opcode,
    Scale,
    flags_layout,
    load_slots_layout,
    row_slots_layout,
)
from hw.accelerator.vector.plan import VectorPlan


class Instruction(Protocol):
    """An instruction with resolved counts; ``slots[n]`` is slot n."""

    @property
    def opcode(self) -> int:
        """Bits 0 to 7 of slot 0."""

    @property
    def flags(self) -> int:
        """Bits 8 to 31 of slot 0."""

    @property
    def counts(self) -> Any:
        """Count 0 and count 1."""

    @property
    def slots(self) -> Any:
        """All sixteen."""


class Fields(NamedTuple):
    """An instruction taken apart."""

    flags: Any
    slots: Any
    rows: int
    length: int
    elements: int


def load_slots(instruction: Instruction) -> Any:
    """Slots of channels and table."""
    return load_slots_layout().from_bits(_together(instruction))


def fields_of(instruction: Instruction) -> Fields:
    """Flags and slots of rows and reduce."""
    flags = flags_layout().from_bits(int(instruction.flags))
    slots = row_slots_layout().from_bits(_together(instruction))
    rows, other = (int(count) for count in instruction.counts)
    length = other if instruction.opcode == Opcode.REDUCE else 1
    elements = other if flags.counted else slots.elements
    return Fields(flags, slots, rows, length, elements)


def require_legal(opcode: int, fields: Fields, plan: VectorPlan) -> None:
    """Raise ``ValueError`` for what ``hw.accelerator.vector.decode`` refuses."""
    flags, slots = fields.flags, fields.slots
    reduce = opcode == Opcode.REDUCE
    wrong = {
        "combine": flags.combine > Combine.CELL,
        "scale": flags.scale > (Scale.MEAN if plan.softmax is None else Scale.SOFTMAX),
        "a product without a multiplier": flags.combine == Combine.PRODUCT
        and flags.scale != Scale.MULTIPLIER,
        "cell fraction bits below 4": flags.combine == Combine.CELL
        and slots.cell_fraction_bits < 4,
        "two kinds of rows": flags.rows + flags.argmax + flags.top_k > 1,
        "nothing to write": not (flags.rows or flags.codes or flags.argmax or flags.top_k),
        "a header of raw codes": bool(flags.raw and flags.header),
        "flags above the known ones": bool(flags.zero),
        "combine of reduce": reduce and flags.combine != Combine.PASS,
        "elements of reduce by count 1": bool(reduce and flags.counted),
        "mean": (flags.scale == Scale.MEAN) != (reduce and not flags.maximum),
        "maxima of rows": bool(flags.maximum and not reduce),
        "causal without softmax": bool(flags.causal and flags.scale != Scale.SOFTMAX),
        "rows wider than the unit's": flags.scale
        in {Scale.AFFINE, Scale.LAYER_NORM, Scale.L2_NORMALIZE, Scale.SOFTMAX}
        and fields.elements > plan.width,
        "rows of codes longer than the unit's": bool(flags.codes and not flags.raw)
        and fields.elements > plan.longest,
        "a table beyond the unit's": bool(flags.table)
        and 256 * slots.table + (1024 if flags.long_table else 256) > plan.segments,
        "k": bool(flags.top_k) and not 1 <= slots.ranks <= min(plan.ranks, fields.elements),
    }
    for name, holds in wrong.items():
        if holds:
            raise ValueError(f"opcode {opcode:#x} with flags {flags!r} is illegal: {name}")


def _together(instruction: Instruction) -> int:
    return sum(
        int(instruction.slots[n]) << (32 * (n - FIRST_SLOT)) for n in range(FIRST_SLOT, SLOTS)
    )
