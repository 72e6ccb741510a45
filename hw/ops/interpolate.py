"""A function by table: a read-only table of segments and a straight line within each."""

from itertools import pairwise
from typing import Any

from amaranth.hdl import Cat, Module, Shape, Value, signed, unsigned
from amaranth.lib import data
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.table_spec import TableSpec
from golden.tables import function_table
from hw.pipeline import held
from hw.platform import Shared


def segment_layout(spec: TableSpec) -> data.StructLayout:
    """One segment: its value at the lower end, and its rise from there to the upper end."""
    table = function_table(spec)
    rises = table[1:] - table[:-1]
    return data.StructLayout({
        "base": _range_shape(int(table.min()), int(table.max())),
        "rise": _range_shape(int(rises.min()), int(rises.max())),
    })


def segments(spec: TableSpec) -> list[dict[str, int]]:
    """Every segment of ``golden.tables.function_table``, the one of the smallest input first."""
    table = [int(entry) for entry in function_table(spec)]
    return [{"base": low, "rise": high - low} for low, high in pairwise(table)]


def position(spec: TableSpec, x: Value) -> tuple[Value, Value]:
    """Number of the segment of ``x``, and the position within it."""
    above = Cat(x[:-1], x[-1] ^ spec.input_signed)
    return above[spec.remainder_bits :], above[: spec.remainder_bits]


def line(spec: TableSpec, segment: Any, remainder: Value) -> Value:
    """``base + round(rise * remainder / 2**remainder_bits)``, between two entries of the table."""
    if not spec.remainder_bits:
        return segment.base
    half = 1 << (spec.remainder_bits - 1)
    return segment.base + ((segment.rise * remainder + half) >> spec.remainder_bits)


class Interpolation(Shared):
    """``y = t[k] + round((t[k+1] - t[k]) * r / 2**remainder_bits)`` by a table that is logic.

    ``k`` and ``r`` are the upper and lower bits of the input above the smallest one. Latency is
    ``STAGES`` enabled cycles, throughput one value in each.

    Members
    -------
    enable : all stages move
    x : input integer, raw bits
    y : value of ``spec.function``, ``STAGES`` stages later
    """

    STAGES = 2

    def __init__(self, spec: TableSpec) -> None:
        self.spec = spec
        self.key = f"interpolation_{table_key(spec)}"
        super().__init__({
            "enable": In(1),
            "x": In(spec.input_bits),
            "y": Out(Shape(spec.output_bits, spec.output_signed)),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        spec = self.spec
        index, remainder = position(spec, self.x)
        shape = segment_layout(spec)
        m.submodules.table = table = Memory(
            shape=shape, depth=1 << spec.index_bits, init=segments(spec)
        )
        read = table.read_port(domain="comb")
        m.d.comb += read.addr.eq(index)
        segment = held(m, self.enable, "segment", read.data)
        remainder = held(m, self.enable, "remainder", remainder) if spec.remainder_bits else None
        m.d.comb += self.y.eq(held(m, self.enable, "value", line(spec, segment, remainder)))
        return m


def table_key(spec: TableSpec) -> str:
    """Short Verilog-safe name of a table's spec."""
    signs = ("s" if spec.input_signed else "u") + ("s" if spec.output_signed else "u")
    return (
        f"{spec.function}_i{spec.input_bits}f{spec.input_fraction_bits}x{spec.index_bits}"
        f"o{spec.output_bits}u{spec.output_unit}{signs}"
    )


def _range_shape(low: int, high: int) -> Shape:
    if low >= 0:
        return unsigned(max(1, high.bit_length()))
    return signed(max(high.bit_length(), (-low - 1).bit_length()) + 1)
