"""Fields of the vector unit's instructions, as ``docs/accelerator.md`` has them."""

from enum import IntEnum

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from hw.accelerator.layout import FIRST_SLOT, SLOTS

SLOT_BITS = 32 * (SLOTS - FIRST_SLOT)
"""All slots of a unit side by side, slot 5 in the lowest bits."""


class Opcode(IntEnum):
    """What the vector unit knows."""

    ROWS = 0x50
    REDUCE = 0x51
    CHANNELS = 0x52
    TABLE = 0x53


class Combine(IntEnum):
    """How a row is made of up to four."""

    PASS = 0
    ADD = 1
    PRODUCT = 2
    GATE = 3
    GRU = 4
    CELL = 5


class Scale(IntEnum):
    """What is done to a row before it goes through a table."""

    NONE = 0
    MULTIPLIER = 1
    AFFINE = 2
    LAYER_NORM = 3
    L2_NORMALIZE = 4
    MEAN = 5
    SOFTMAX = 6


def flags_layout() -> data.StructLayout:
    """Flags of rows and reduce."""
    return data.StructLayout({
        "combine": unsigned(3),
        "scale": unsigned(3),
        "table": unsigned(1),
        "long_table": unsigned(1),
        "rows": unsigned(1),
        "codes": unsigned(1),
        "header": unsigned(1),
        "raw": unsigned(1),
        "argmax": unsigned(1),
        "top_k": unsigned(1),
        "counted": unsigned(1),
        "causal": unsigned(1),
        "maximum": unsigned(1),
        "zero": unsigned(7),
    })


def row_slots_layout() -> data.StructLayout:
    """Slots 5 to 15 of rows and reduce; in reduce ``c_stride`` is from window to window."""
    return data.StructLayout({
        "a": unsigned(32),
        "b": unsigned(32),
        "c": unsigned(32),
        "a_stride": unsigned(16),
        "b_stride": unsigned(16),
        "c_stride": unsigned(16),
        "d_distance": signed(16),
        "rows": unsigned(32),
        "codes": unsigned(32),
        "rows_stride": unsigned(16),
        "codes_stride": unsigned(16),
        "elements": unsigned(16),
        "table": unsigned(4),
        "cell_fraction_bits": unsigned(4),
        "ranks": unsigned(8),
        "multiplier": unsigned(16),
        "offset": signed(7),
        "_14": unsigned(9),
        "static_scale": unsigned(16),
        "code_offset": signed(7),
        "_15": unsigned(9),
    })


def load_slots_layout() -> data.StructLayout:
    """Slots 5 to 15 of channels and table; ``elements`` are columns or segments."""
    return data.StructLayout({
        "first": unsigned(32),
        "epsilon": unsigned(64),
        "reciprocal": unsigned(21),
        "_8": unsigned(3),
        "fraction_bits": unsigned(5),
        "_8_above": unsigned(3),
        "_9": unsigned(4 * 32),
        "elements": unsigned(16),
        "table": unsigned(4),
        "_13": unsigned(12),
        "_14": unsigned(64),
    })
