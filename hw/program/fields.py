"""Where every field of every instruction lies: slot, lowest bit, width."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Field:
    """Bits ``low`` to ``low + bits - 1`` of a slot."""

    name: str
    slot: int
    low: int = 0
    bits: int = 32
    signed: bool = False

    @property
    def mask(self) -> int:
        """All its bits."""
        return (1 << self.bits) - 1

    def require(self, instruction: str, value: int) -> None:
        """Raise ``ValueError`` if ``value`` does not fit."""
        low, high = (-(1 << (self.bits - 1)), self.mask >> 1) if self.signed else (0, self.mask)
        if not low <= value <= high:
            raise ValueError(f"{self.name} of {instruction!r} must be {low} to {high}, not {value}")

    def read(self, slots: Sequence[int]) -> int:
        """Its value in an instruction's slots."""
        value = (slots[self.slot] >> self.low) & self.mask
        return value - (1 << self.bits) if self.signed and value >> (self.bits - 1) else value


def whole(*names: str, first: int = 5) -> tuple[Field, ...]:
    """Fields of a whole slot each, one slot after the other."""
    return tuple(Field(name=name, slot=first + index) for index, name in enumerate(names))


def flag(name: str, index: int, bits: int = 1) -> Field:
    """Flag ``index`` of slot 0, and those that follow it."""
    return Field(name=name, slot=0, low=8 + index, bits=bits)


COMMON = (
    Field(name="opcode", slot=0, bits=8),
    *(
        Field(name=f"lag_{unit}", slot=1 + index // 4, low=8 * (index % 4), bits=8)
        for index, unit in enumerate(("load", "store", "weights", "cores", "vector", "engine"))
    ),
    *(Field(name=f"register_{index}", slot=2, low=24 + 4 * index, bits=4) for index in range(2)),
    *(
        Field(name=f"{part}_{index}", slot=3 + index, low=low, bits=16)
        for index in range(2)
        for part, low in (("offset", 0), ("limit", 16))
    ),
)
"""What every instruction has."""

_REGISTERS = tuple(Field(name=name, slot=slot, bits=4) for name, slot in (("to", 5), ("left", 6)))
_TILING = (
    Field(name="k_tiles", slot=0, bits=16),
    Field(name="tiles", slot=0, low=16, bits=8),
    Field(name="group_bits", slot=0, low=24, bits=4),
    Field(name="first_set", slot=0, low=28, bits=4),
)


def _tiling(slot: int) -> tuple[Field, ...]:
    return tuple(Field(name=one.name, slot=slot, low=one.low, bits=one.bits) for one in _TILING)


_MEMORY = whole("address", "pitch", "words", "buffer", "stride")

_VECTOR = (
    flag("combine", 0, bits=3),
    flag("scale", 3, bits=3),
    flag("function", 6),
    flag("fine", 7),
    flag("write_rows", 8),
    flag("write_codes", 9),
    flag("header", 10),
    flag("low_bits", 11),
    flag("argmax", 12),
    flag("top_k", 13),
    flag("counted", 14),
    flag("causal", 15),
    flag("maxima", 16),
    *whole("a", "b", "c"),
    Field(name="a_stride", slot=8, bits=16),
    Field(name="b_stride", slot=8, low=16, bits=16),
    Field(name="c_stride", slot=9, bits=16),
    Field(name="c_to_d", slot=9, low=16, bits=16),
    *whole("result", "codes", first=10),
    Field(name="result_stride", slot=12, bits=16),
    Field(name="codes_stride", slot=12, low=16, bits=16),
    Field(name="elements", slot=13, bits=16),
    Field(name="segment", slot=13, low=16, bits=4),
    Field(name="cell_bits", slot=13, low=20, bits=4),
    Field(name="k", slot=13, low=24, bits=8),
    Field(name="multiplier", slot=14, bits=16),
    Field(name="offset", slot=14, low=16, bits=7, signed=True),
    Field(name="static_scale", slot=15, bits=16),
    Field(name="codes_offset", slot=15, low=16, bits=7, signed=True),
)

OPCODES: dict[str, int] = {
    "end": 0x07,
    "set": 0x01,
    "add": 0x02,
    "read": 0x03,
    "branch": 0x04,
    "modify": 0x05,
    "sync": 0x06,
    "load": 0x10,
    "store": 0x20,
    "weights": 0x30,
    "activations": 0x31,
    "cores": 0x40,
    "rows": 0x50,
    "reduce": 0x51,
    "channels": 0x52,
    "table": 0x53,
    "attend": 0x60,
}

FIELDS: dict[str, tuple[Field, ...]] = {
    "end": (),
    "set": (_REGISTERS[0], Field(name="value", slot=6, signed=True)),
    "add": (
        flag("alone", 0),
        *_REGISTERS,
        Field(name="right", slot=7, bits=4),
        Field(name="value", slot=8, signed=True),
    ),
    "read": (_REGISTERS[0], Field(name="word", slot=6)),
    "branch": (
        flag("immediate", 0),
        flag("condition", 1, bits=3),
        Field(name="left", slot=5, bits=4),
        Field(name="right", slot=6, bits=4),
        Field(name="value", slot=7, signed=True),
        Field(name="target", slot=8),
    ),
    "modify": (
        flag("changes", 0, bits=3),
        *(
            one
            for index in range(4)
            for one in (
                Field(name=f"slot_{index}", slot=5 + 2 * index, bits=4),
                Field(name=f"register_of_{index}", slot=5 + 2 * index, low=4, bits=4),
                Field(name=f"factor_{index}", slot=6 + 2 * index, signed=True),
            )
        ),
    ),
    "sync": (),
    "load": (flag("gather", 0), *_MEMORY, *whole("ids", "table_rows", first=10)),
    "store": _MEMORY,
    "weights": (Field(name="address", slot=5), *_tiling(6)),
    "activations": (
        flag("transposed", 0),
        flag("second", 1),
        Field(name="codes", slot=5),
        *_tiling(6),
        Field(name="codes_stride", slot=7),
        Field(name="multiplier", slot=8, bits=16),
    ),
    "cores": (
        flag("keep", 0),
        flag("unsigned", 1),
        *whole("codes", "codes_stride", "scales"),
        *_tiling(8),
        *whole("result", "result_stride", first=9),
    ),
    "rows": _VECTOR,
    "reduce": _VECTOR,
    "channels": (
        Field(name="source", slot=5),
        *whole("epsilon_low", "epsilon_high", first=6),
        Field(name="reciprocal", slot=8, bits=21),
        Field(name="reciprocal_bits", slot=8, low=24, bits=5),
        Field(name="columns", slot=13, bits=16),
    ),
    "table": (
        Field(name="source", slot=5),
        Field(name="segments", slot=13, bits=16),
        Field(name="segment", slot=13, low=16, bits=4),
    ),
    "attend": (
        flag("causal", 0),
        flag("masked", 1),
        Field(name="queries", slot=5),
        Field(name="queries_stride", slot=6, bits=16),
        Field(name="beats", slot=6, low=16, bits=8),
        *whole("keys", "keys_stride", "values", "values_stride", "mask", first=7),
        *whole("contexts", "contexts_stride", first=12),
        Field(name="score_multiplier", slot=14, bits=16),
        Field(name="context_multiplier", slot=14, low=16, bits=16),
        Field(name="context_offset", slot=15, bits=8, signed=True),
        Field(name="probability_bits", slot=15, low=8, bits=4),
    ),
}

CONDITIONS: Mapping[str, int] = {"always": 0, "equal": 1, "unequal": 2, "less": 3, "least": 4}
"""Conditions of a branch, ``left`` against ``right``; the last is >=."""

COMBINES: Mapping[str, int] = {
    "a": 0,
    "add": 1,
    "product": 2,
    "gate": 3,
    "gru": 4,
    "cell": 5,
}
"""How the vector unit makes a row of a, b, c and d."""

SCALES: Mapping[str, int] = {
    "none": 0,
    "multiplier": 1,
    "affine": 2,
    "layer_norm": 3,
    "l2_normalize": 4,
    "mean": 5,
    "softmax": 6,
}
"""How the vector unit rescales a row."""
