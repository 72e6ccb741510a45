"""Pins of synchronous DRAM, and the commands that they give."""

from enum import IntEnum

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fpga.sdram.part import SdramPart

PAD_CYCLES = 1
"""Register of a pad on the way out; that on the way in is where a CAS latency ends."""

ALL_BANKS = 1 << 10
"""Address bit of PRECHARGE."""


class Command(IntEnum):
    """RAS, CAS and WE from bit 2 down, 1 where asserted; source: JEDEC JESD21-C, 3.11.5."""

    NOTHING = 0b000
    WRITE = 0b011
    READ = 0b010
    ACTIVATE = 0b100
    PRECHARGE = 0b101
    REFRESH = 0b110
    LOAD_MODE = 0b111


def mode_word(part: SdramPart, burst: int) -> int:
    """Mode register: sequential bursts of ``burst`` words, read and written, at the part's CAS."""
    return part.cas << 4 | burst.bit_length() - 1


def pins_signature(part: SdramPart) -> wiring.Signature:
    """Pins seen by the controller, high where asserted; the clock is the board's.

    ``command`` is RAS, CAS and WE, ``driven`` the direction of ``data``. A chip is always selected
    and its clock always enabled.
    """
    return wiring.Signature({
        "command": Out(3),
        "bank": Out(part.bank_bits),
        "address": Out(part.row_bits),
        "mask": Out(part.data_bits // 8),
        "data": Out(part.data_bits),
        "driven": Out(1),
        "read": In(part.data_bits),
    })
