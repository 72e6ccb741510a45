"""What one instruction of the cores asks for, and which core does what of it."""

from typing import Any

from amaranth.hdl import Value, unsigned
from amaranth.lib import data

from hw.accelerator.layout import COUNT_BITS

GROUP_BITS = 3
"""Width of the logarithm of the row groups: up to 16 of them."""


def pass_layout(address_bits: int) -> data.StructLayout:
    """An instruction of the cores (``docs/accelerator.md``), its slots taken apart.

    ``filled`` is what ``rows`` becomes when every row group has as many: times groups, rounded up
    by a shift. ``empty`` stands for no rows, ``last_k`` for the tiles of K less one.
    """
    address = unsigned(address_bits)
    return data.StructLayout({
        "rows": unsigned(COUNT_BITS),
        "codes": address,
        "stride": address,
        "scales": address,
        "filled": unsigned(COUNT_BITS + 1),
        "empty": unsigned(1),
        "last_k": unsigned(16),
        "tiles": unsigned(8),
        "groups": unsigned(GROUP_BITS),
        "set": unsigned(4),
        "result": address,
        "result_stride": address,
        "keep": unsigned(1),
        "unsigned": unsigned(1),
    })


def pass_of(instruction: data.View, layout: data.StructLayout) -> dict[str, Value]:
    """The fields of ``pass_layout`` in an instruction."""
    slots, rows = instruction.slots, instruction.counts[0]
    tiling = slots[3]
    groups = tiling[24 : 24 + GROUP_BITS]
    return {
        "rows": rows,
        "filled": rows + last_group(groups),
        "empty": rows == 0,
        "codes": slots[0],
        "stride": slots[1],
        "scales": slots[2],
        "last_k": tiling[:16] - 1,
        "tiles": tiling[16:24],
        "groups": groups,
        "set": tiling[28:32],
        "result": slots[4],
        "result_stride": slots[5],
        "keep": instruction.flags[0],
        "unsigned": instruction.flags[1],
    }


def last_group(groups: Value) -> Value:
    """The number of row groups less one, from their logarithm."""
    return ((1 << groups) - 1)[: (1 << GROUP_BITS) - 3]


def group_rows(p: Any) -> Value:
    """Rows of each row group of a pass; the last ones are filled up."""
    return (p.filled >> p.groups)[:COUNT_BITS]


def last_rows(p: Any) -> Value:
    """How many row groups have a last row of their own; 0 stands for all."""
    return p.rows & last_group(p.groups)


def members(cores: int, tiles: Value, groups: Value, group: Value | None = None) -> list[Value]:
    """Per core whether it takes part: in ``group``, or in any row group."""
    taking = []
    for core in range(cores):
        part = (core >> groups) < tiles
        if group is not None:
            part &= (core & last_group(groups)) == group
        taking.append(part)
    return taking
