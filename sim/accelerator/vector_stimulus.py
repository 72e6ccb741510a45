"""Random instructions for the vector unit, legal ones, and what surrounds them in the buffer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from golden.operator_spec import LayerNormSpec
from golden.spec import ceil_log2
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
from sim.accelerator.buffer_rows import write_rows

SCALES = (Scale.NONE, Scale.MULTIPLIER, Scale.AFFINE, Scale.LAYER_NORM, Scale.L2_NORMALIZE)
OFFSETS = {
    Scale.NONE: (-64, 63),
    Scale.MULTIPLIER: (18, 31),
    Scale.AFFINE: (12, 28),
    Scale.LAYER_NORM: (26, 42),
    Scale.L2_NORMALIZE: (28, 44),
    Scale.MEAN: (24, 42),
    Scale.SOFTMAX: (-64, 63),
}
"""Exponents that are legal whatever the rows hold, and leave results of every size."""

OPERAND_WORDS = 256
"""Words of the buffer for each of a, b and c and for what is loaded; results lie behind."""


@dataclass(frozen=True, kw_only=True)
class VectorInstruction:
    """An instruction with resolved counts; ``slots[n]`` is slot n."""

    opcode: int
    flags: int
    counts: tuple[int, int]
    slots: tuple[int, ...]


def instruction(
    opcode: int,
    counts: tuple[int, int],
    flags: Mapping[str, int] | None = None,
    **fields: int,
) -> VectorInstruction:
    """``fields`` as ``hw.accelerator.vector.fields`` names them."""
    layout = load_slots_layout() if opcode & 2 else row_slots_layout()
    bits = layout.const(fields).as_bits()
    slots = [(bits >> (32 * n)) & 0xFFFFFFFF for n in range(SLOTS - FIRST_SLOT)]
    return VectorInstruction(
        opcode=opcode,
        flags=flags_layout().const(flags or {}).as_bits(),
        counts=counts,
        slots=(*(0,) * FIRST_SLOT, *slots),
    )


class Stimulus:
    """Draws instructions one after the other, each with what it needs to be loaded before it."""

    def __init__(self, plan: VectorPlan, rng: np.random.Generator) -> None:
        self.plan, self.rng = plan, rng

    def buffer(self) -> np.ndarray:
        """Words whose integers are of every magnitude, one for every four words, and extreme."""
        rng, words, lanes = self.rng, 8 * OPERAND_WORDS, self.plan.word_lanes
        x = rng.integers(-(1 << 15), 1 << 15, (words // 4, 4 * lanes))
        # Half of all sums and products are of large numbers only.
        x >>= rng.integers(0, 15, (words // 4, 1)) * rng.integers(0, 2, (words // 4, 1))
        extreme = rng.random(x.shape) < 1 / 32
        x[extreme] = rng.choice([-(1 << 15), (1 << 15) - 1], extreme.sum())
        return x.astype("<i2").view(np.uint8).reshape(words, -1)

    def instructions(self, buffer: np.ndarray, count: int) -> list[VectorInstruction]:
        """``count`` instructions and their loads, whose numbers are put into ``buffer``."""
        drawn = [self._tables(buffer)]
        for _ in range(count):
            drawn += self._one(buffer)
        return drawn

    def _tables(self, buffer: np.ndarray) -> VectorInstruction:
        """Segments of any rise, all of them."""
        count = self.plan.segments
        base = self.rng.integers(-(1 << 15), 1 << 15, count)
        upper = self.rng.integers(-(1 << 15), 1 << 15, count)
        entries = (base & 0xFFFF) | ((upper - base) << 32)
        first = 4 * OPERAND_WORDS
        write_rows(buffer, first, 0, entries.astype("<i8")[None])
        return instruction(Opcode.TABLE, (1, 0), first=first, elements=count)

    def _one(self, buffer: np.ndarray) -> list[VectorInstruction]:
        rng, plan = self.rng, self.plan
        reduces = rng.random() < 0.2
        maximum = bool(reduces and rng.random() < 0.5)
        combine = Combine.PASS if reduces else Combine(int(rng.integers(len(Combine))))
        scale = self._scale(combine, reduces and not maximum)
        flags = {
            "combine": combine,
            "scale": scale,
            "maximum": maximum,
            "table": rng.random() < 0.4,
            "long_table": rng.random() < 0.5 and plan.segments >= 1024,
            "causal": scale == Scale.SOFTMAX and rng.random() < 0.5,
            "counted": not reduces and rng.random() < 0.2,
        }
        elements = int(rng.integers(1, min(plan.width, plan.longest, 5 * plan.word_lanes) + 1))
        slots = self._outputs(flags, elements)
        low, high = OFFSETS[scale]
        if combine == Combine.PRODUCT:
            low, high = 2, 16
        tables = plan.segments // 256 - (3 if flags["long_table"] else 0)
        slots |= {
            "a": int(rng.integers(0, 64)),
            "b": OPERAND_WORDS + int(rng.integers(0, 64)),
            "c": 2 * OPERAND_WORDS + int(rng.integers(0, 64)),
            "a_stride": int(rng.integers(0, 8)),
            "b_stride": int(rng.integers(0, 8)),
            "c_stride": int(rng.integers(0, 8)),
            "d_distance": int(rng.integers(-64, 64)),
            "table": int(rng.integers(tables)),
            "cell_fraction_bits": int(rng.integers(4, 16)),
            "multiplier": self._number(16),
            "offset": int(rng.integers(low, high + 1)),
        }
        rows, length = int(rng.integers(1, 7)), int(rng.integers(1, 7))
        if flags["counted"]:
            length, slots["elements"] = elements, int(rng.integers(1 << 16))
        opcode = Opcode.REDUCE if reduces else Opcode.ROWS
        asked = instruction(opcode, (rows, length), flags, **slots)
        by_channel = scale in {Scale.AFFINE, Scale.LAYER_NORM}
        return [*([self._channels(buffer, elements)] if by_channel else []), asked]

    def _scale(self, combine: Combine, sums: bool) -> Scale:
        if sums:
            return Scale.MEAN
        if combine == Combine.PRODUCT:
            return Scale.MULTIPLIER
        scales = SCALES if self.plan.softmax is None else (*SCALES, Scale.SOFTMAX)
        return scales[self.rng.integers(len(scales))]

    def _outputs(self, flags: dict[str, Any], elements: int) -> dict[str, int]:
        """Flags of one output or two, and where they go."""
        rng, plan = self.rng, self.plan
        kinds = ["rows", "rows", "argmax", *(["top_k"] if plan.ranks else [])]
        kind = kinds[rng.integers(len(kinds))]
        flags["codes"] = rng.random() < 0.6
        flags[kind] = not flags["codes"] or rng.random() < 0.5
        flags["raw"] = flags["codes"] and rng.random() < 0.2
        flags["header"] = flags["codes"] and not flags["raw"] and rng.random() < 0.6
        ranks = int(rng.integers(1, min(plan.ranks, elements) + 1)) if plan.ranks else 0
        words = ranks if kind == "top_k" else -(-elements // plan.word_lanes)
        return {
            "elements": elements,
            "rows": 5 * OPERAND_WORDS + int(rng.integers(0, 64)),
            "codes": 6 * OPERAND_WORDS + int(rng.integers(0, 64)),
            "rows_stride": words + int(rng.integers(0, 3)),
            "codes_stride": -(-elements // plan.word_bytes) + 1 + int(rng.integers(0, 3)),
            "ranks": ranks,
            "static_scale": int(rng.integers(1, (1 << 15) + 1)) if rng.random() < 0.4 else 0,
            "code_offset": int(rng.integers(-8, 9)),
        }

    def _channels(self, buffer: np.ndarray, columns: int) -> VectorInstruction:
        rng = self.rng
        spec = LayerNormSpec(width=columns)
        multiplier = rng.integers(-65535, 65536, columns) >> rng.integers(0, 16, columns)
        bias = rng.integers(-(1 << 31), 1 << 31, columns) >> rng.integers(0, 32, columns)
        entries = (multiplier & 0x1FFFF) | (bias << 32)
        first = 3 * OPERAND_WORDS + int(rng.integers(0, 64))
        write_rows(buffer, first, 0, entries.astype("<i8")[None])
        return instruction(
            Opcode.CHANNELS,
            (1, 0),
            first=first,
            epsilon=self._number(40),
            reciprocal=spec.reciprocal_width,
            fraction_bits=ceil_log2(columns),
            elements=columns,
        )

    def _number(self, bits: int) -> int:
        """Of every magnitude."""
        return int(self.rng.integers(0, 1 << bits)) >> int(self.rng.integers(0, bits))
