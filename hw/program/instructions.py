"""The instruction set as tables: every opcode's fields by slot and bits; binary to values and back.

An instruction is sixteen slots of 32 bits, slot 0 first, little-endian. The opcode's bits 4 to 6
are the unit. ``docs/accelerator.md`` says what the fields do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hw.program.fields import COMMON, FIELDS, OPCODES, Field

SLOTS = 16
BYTES = 4 * SLOTS

UNITS = ("sequencer", "load", "store", "weights", "cores", "vector", "engine")
"""By the number in an opcode's bits 4 to 6."""

FREE = 255
"""A lag that waits for none."""


def unit_of(name: str) -> str:
    """The unit that executes instructions of this name."""
    return UNITS[OPCODES[name] >> 4]


@dataclass(frozen=True, kw_only=True)
class Count:
    """``clamp(register - offset, 0, limit)``: how many rows, known when the program runs.

    Register 0 reads as 65,535, so the default is one row.
    """

    register: int = 0
    offset: int = 0
    limit: int = 1

    def value(self, registers: Mapping[int, int]) -> int:
        """The count with these registers, those that are left out being 0."""
        register = 0xFFFF if self.register == 0 else registers.get(self.register, 0)
        return min(max(register - self.offset, 0), self.limit)


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction: ``values`` of its fields, those that are left out being 0."""

    name: str
    values: Mapping[str, int] = field(default_factory=dict)
    counts: tuple[Count, Count] = (Count(), Count())
    lags: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in OPCODES:
            raise ValueError(f"{self.name!r} is no instruction: one of {', '.join(OPCODES)}")
        known = {one.name: one for one in FIELDS[self.name]}
        for name, value in self.values.items():
            if name not in known:
                raise ValueError(
                    f"{self.name!r} has no field {name!r}: one of {', '.join(known) or 'none'}"
                )
            known[name].require(self.name, value)
        for unit, lag in self.lags.items():
            if unit not in UNITS[1:] or not 0 <= lag <= FREE:
                raise ValueError(
                    f"a lag is 0 to {FREE} of a unit of {', '.join(UNITS[1:])}, "
                    f"not {lag} of {unit!r}"
                )
        # What is 0, or waits for none, is left out: equal instructions are equal.
        values = {name: value for name, value in self.values.items() if value}
        lags = {unit: lag for unit, lag in self.lags.items() if lag != FREE}
        object.__setattr__(self, "values", MappingProxyType(values))
        object.__setattr__(self, "lags", MappingProxyType(lags))

    @property
    def unit(self) -> str:
        """The unit that it is given to."""
        return unit_of(self.name)

    def __getitem__(self, name: str) -> int:
        return self.values.get(name, 0)

    def encode(self) -> bytes:
        """Its 64 bytes."""
        slots = [0] * SLOTS
        values = {**self.values, "opcode": OPCODES[self.name]}
        for unit in UNITS[1:]:
            values[f"lag_{unit}"] = self.lags.get(unit, FREE)
        for index, count in enumerate(self.counts):
            values[f"register_{index}"] = count.register
            values[f"offset_{index}"] = count.offset
            values[f"limit_{index}"] = count.limit
        for one in (*COMMON, *FIELDS[self.name]):
            one.require(self.name, values.get(one.name, 0))
            slots[one.slot] |= (values.get(one.name, 0) & one.mask) << one.low
        return b"".join(slot.to_bytes(4, "little") for slot in slots)


def decode(content: bytes) -> Instruction:
    """The instruction of 64 bytes; ``ValueError`` where none is meant by them."""
    if len(content) != BYTES:
        raise ValueError(
            f"an instruction has {BYTES} bytes, not {len(content)}: the program ends early"
        )
    slots = [int.from_bytes(content[at : at + 4], "little") for at in range(0, BYTES, 4)]
    opcode = slots[0] & 0xFF
    names = {code: name for name, code in OPCODES.items()}
    if opcode not in names:
        raise ValueError(f"opcode 0x{opcode:02x} is none: see docs/accelerator.md")
    name = names[opcode]
    common = {one.name: one.read(slots) for one in COMMON}
    return Instruction(
        name=name,
        values={one.name: one.read(slots) for one in FIELDS[name]},
        counts=(_count(common, 0), _count(common, 1)),
        lags={unit: common[f"lag_{unit}"] for unit in UNITS[1:]},
    )


def _count(common: Mapping[str, int], index: int) -> Count:
    return Count(
        register=common[f"register_{index}"],
        offset=common[f"offset_{index}"],
        limit=common[f"limit_{index}"],
    )


def fields_of(name: str) -> tuple[Field, ...]:
    """Fields of an instruction beside counts and lags, as assembler and documentation show them."""
    return FIELDS[name]
