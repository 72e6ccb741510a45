"""The control registers: one table for RTL, documentation, C header, driver and benches."""

from dataclasses import dataclass, field
from typing import Literal

from hw.accelerator.layout import UNITS

ADDRESS_BITS = 12
MAGIC = 0x414D4943
"""The bytes "CIMA", lowest first: what the first register reads as."""

VERSION = 1
"""Version of this table and of the instructions."""

ARGUMENTS = 4
"""Registers 1 to 4 of a program get their first values here."""

COUNTERS = ("busy", "input_stalled", "output_stalled", "memory_stalled")
"""Counted per unit, in this order."""

IDLE, RUNNING, DONE, FAULT = range(4)
"""States in the status register."""

Access = Literal["read", "write", "both", "clear"]


@dataclass(frozen=True, kw_only=True)
class Bits:
    """A field of a register: ``width`` bits from ``low`` on."""

    name: str
    low: int
    width: int = 1
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Register:
    """32 bits at byte ``offset``.

    ``access`` is "read", "write" (reads as 0), "both", or "clear" (a written 1 clears the bit).
    """

    name: str
    offset: int
    access: Access
    meaning: str
    bits: tuple[Bits, ...] = field(default=())
    init: int = 0


def registers() -> tuple[Register, ...]:
    """Return every register, in the order of their offsets."""
    return (*stored(), *_TOTALS, *_unit_counters())


def stored() -> tuple[Register, ...]:
    """Return those that are no counters: words from offset 0 on without a gap."""
    return (*_IDENTITY, *_CONTROL, *_arguments())


_IDENTITY = (
    Register(name="magic", offset=0x000, access="read", meaning=f"always 0x{MAGIC:08x}"),
    Register(
        name="version", offset=0x004, access="read", meaning="version of registers and instructions"
    ),
    Register(
        name="configuration",
        offset=0x008,
        access="read",
        meaning="hash of what the machine was generated from; a program is compiled for one",
    ),
    Register(
        name="geometry",
        offset=0x00C,
        access="read",
        meaning="size of the machine",
        bits=(
            Bits(name="word_bytes", low=0, width=16, meaning="bytes of a word"),
            Bits(name="cores", low=16, width=8, meaning="cores"),
            Bits(name="bus_bytes", low=24, width=8, meaning="bytes of a memory beat"),
        ),
    ),
)

_CONTROL = (
    Register(
        name="control",
        offset=0x010,
        access="write",
        meaning="commands",
        bits=(
            Bits(
                name="start",
                low=0,
                meaning="start the program; after a fault it starts as soon as the bus is quiet, "
                "and while one is running it does nothing",
            ),
            Bits(
                name="reset",
                low=1,
                meaning="stop what runs, a fault; with nothing running the state becomes idle",
            ),
        ),
    ),
    Register(
        name="status",
        offset=0x014,
        access="read",
        meaning="state",
        bits=(
            Bits(name="state", low=0, width=2, meaning="0 idle, 1 running, 2 done, 3 fault"),
            Bits(name="draining", low=2, meaning="transfers of the last program are under way"),
            Bits(name="fault", low=4, width=4, meaning="code of the fault, 0 for none"),
            Bits(name="unit", low=8, width=4, meaning="unit of the fault"),
        ),
    ),
    Register(
        name="program",
        offset=0x018,
        access="both",
        meaning="address of the program from the memory's base on, a multiple of 64 and of a word",
    ),
    Register(
        name="memory_base",
        offset=0x01C,
        access="both",
        meaning="bus address from which a program's addresses count, a multiple of 4096",
    ),
    Register(
        name="memory_size",
        offset=0x020,
        access="both",
        meaning="bytes of memory that a program may use",
    ),
    Register(
        name="watchdog",
        offset=0x024,
        access="both",
        meaning="cycles without progress that end a program; 0 for never",
        init=1 << 20,
    ),
    Register(
        name="interrupt_enable",
        offset=0x028,
        access="both",
        meaning="what raises the interrupt",
        bits=(
            Bits(name="done", low=0, meaning="a program has ended"),
            Bits(name="fault", low=1, meaning="a program has failed"),
        ),
    ),
    Register(
        name="interrupt",
        offset=0x02C,
        access="clear",
        meaning="what has happened since it was cleared",
        bits=(
            Bits(name="done", low=0, meaning="a program has ended"),
            Bits(name="fault", low=1, meaning="a program has failed"),
        ),
    ),
)


def _arguments() -> tuple[Register, ...]:
    return tuple(
        Register(
            name=f"argument_{index + 1}",
            offset=0x030 + 4 * index,
            access="both",
            meaning=f"first value of the program's register {index + 1}",
        )
        for index in range(ARGUMENTS)
    )


_TOTALS = (
    Register(
        name="cycles_low",
        offset=0x040,
        access="read",
        meaning="cycles from the start to the end or to now, lower half",
    ),
    Register(name="cycles_high", offset=0x044, access="read", meaning="upper half"),
    Register(
        name="read_beats", offset=0x048, access="read", meaning="memory beats read since the start"
    ),
    Register(
        name="written_beats",
        offset=0x04C,
        access="read",
        meaning="memory beats written since the start",
    ),
)

_SAID = {
    "busy": "something was under way in {unit}",
    "input_stalled": "{unit} waited for operands",
    "output_stalled": "{unit} waited for room",
    "memory_stalled": "{unit} waited for memory",
}


def _unit_counters() -> tuple[Register, ...]:
    return tuple(
        Register(
            name=f"{unit}_{counter}",
            offset=0x080 + 4 * (number * len(COUNTERS) + index),
            access="read",
            meaning=f"cycles since the start in which {_SAID[counter].format(unit=unit)}",
        )
        for number, unit in enumerate(UNITS)
        for index, counter in enumerate(COUNTERS)
    )


def offsets() -> dict[str, int]:
    """Byte offset of each register by name."""
    return {one.name: one.offset for one in registers()}
