"""Rows as streams: a row is whole beats of ``lanes`` elements, and ``last`` marks its last beat.

A row whose length is no multiple of ``lanes`` is filled up with zeros by whoever makes it; what
comes out in their place means nothing, and whoever takes the row knows its length. Zeros change
neither a sum nor a largest magnitude, so no operator needs to be told.
"""

from typing import Any

from amaranth.hdl import Module, ShapeLike, Signal, signed, unsigned
from amaranth.lib import data, stream


def row_layout(shape: ShapeLike, lanes: int) -> data.StructLayout:
    """One beat of a row: consecutive elements, and whether the row ends with them."""
    return data.StructLayout({"data": data.ArrayLayout(shape, lanes), "last": unsigned(1)})


def scale_layout(mantissa_bits: int, exponent_bits: int) -> data.StructLayout:
    """A row's scale, ``mantissa * 2**exponent``."""
    return data.StructLayout({
        "mantissa": unsigned(mantissa_bits),
        "exponent": signed(exponent_bits),
    })


def together(m: Module, first: Any, second: Any) -> Any:
    """A stream without payload whose transfers take one beat of each at once."""
    both = stream.Signature(unsigned(0)).create()
    m.d.comb += [
        both.valid.eq(first.valid & second.valid),
        first.ready.eq(second.valid & both.ready),
        second.ready.eq(first.valid & both.ready),
    ]
    return both


def latest(m: Module, settings: Any) -> Any:
    """The newest payload of the stream ``settings``, which is always ready, from the next cycle on.

    Meant for what all rows of a tensor share: it is loaded while no row is inside.
    """
    kept = Signal(settings.payload.shape(), name="settings", reset_less=True)
    m.d.comb += settings.ready.eq(1)
    with m.If(settings.valid):
        m.d.sync += kept.eq(settings.payload)
    return kept
