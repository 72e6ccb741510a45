"""Rows as streams: a row is whole beats of ``lanes`` elements, and ``last`` marks its last beat.

A row whose length is no multiple of ``lanes`` is filled up with zeros by whoever makes it; what
comes out in their place means nothing, and whoever takes the row knows its length. Zeros change
neither a sum nor a largest magnitude, so no operator needs to be told.
"""

from amaranth.hdl import ShapeLike, signed, unsigned
from amaranth.lib import data


def row_layout(shape: ShapeLike, lanes: int) -> data.StructLayout:
    """One beat of a row: consecutive elements, and whether the row ends with them."""
    return data.StructLayout({"data": data.ArrayLayout(shape, lanes), "last": unsigned(1)})


def scale_layout(mantissa_bits: int, exponent_bits: int) -> data.StructLayout:
    """A row's scale, ``mantissa * 2**exponent``."""
    return data.StructLayout({
        "mantissa": unsigned(mantissa_bits),
        "exponent": signed(exponent_bits),
    })
