"""A function by table: a read-only table of segments and a straight line within each."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from amaranth.hdl import Cat, Const, Module, Shape, Value, signed, unsigned
from amaranth.lib import data
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.table_spec import TableSpec
from golden.tables import function_table
from hw.pipeline import held
from hw.platform import Shared


def segments(spec: TableSpec) -> list[dict[str, int]]:
    """Every segment of ``golden.tables.function_table``, the one of the smallest input first."""
    table = [int(entry) for entry in function_table(spec)]
    return [{"base": low, "rise": high - low} for low, high in pairwise(table)]


def position(spec: TableSpec, x: Value) -> tuple[Value, Value]:
    """Number of the segment of ``x``, and the position within it."""
    above = Cat(x[:-1], x[-1] ^ spec.input_signed)
    return above[spec.remainder_bits :], above[: spec.remainder_bits]


def line(base: Value, product: Value, bits: int, *, falls: bool = False) -> Value:
    """``round(base + product / 2**bits)``, half up; with ``falls`` less the product."""
    if not bits:
        return base
    half = Cat(Const(1 << (bits - 1), bits), base)
    start = half.as_signed() if base.shape().signed else half
    return (start - product if falls else start + product) >> bits


class Interpolation(Shared):
    """``y = t[k] + round((t[k+1] - t[k]) * r / 2**remainder_bits)`` by a table.

    ``k`` and ``r`` are the upper and lower bits of the input above the smallest one. Latency is
    ``STAGES`` enabled cycles, throughput one value in each.

    Members
    -------
    enable : all stages move
    x : input integer, raw bits
    y : value of ``spec.function``, ``STAGES`` stages later
    """

    STAGES = 4

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
        entries = segments(spec)
        # A function that never rises is stored by its falls: a product without signs is smaller.
        falls = all(entry["rise"] <= 0 for entry in entries)
        if falls:
            entries = [entry | {"rise": -entry["rise"]} for entry in entries]
        m.submodules.table = table = Memory(
            shape=_layout(entries), depth=1 << spec.index_bits, init=entries
        )
        read = table.read_port(domain="comb")
        m.d.comb += read.addr.eq(index)
        # A memory has its words late in a cycle.
        segment = held(m, self.enable, "segment", read.data, 2)
        product: Value = Const(0, 0)
        if spec.remainder_bits:
            remainder = held(m, self.enable, "remainder", remainder, 2)
            product = held(m, self.enable, "product", segment.rise * remainder)
        base = held(m, self.enable, "base", segment.base)
        y = line(base, product, spec.remainder_bits, falls=falls)
        m.d.comb += self.y.eq(held(m, self.enable, "value", y))
        return m


def table_key(spec: TableSpec) -> str:
    """Short Verilog-safe name of a table's spec."""
    signs = ("s" if spec.input_signed else "u") + ("s" if spec.output_signed else "u")
    return (
        f"{spec.function}_i{spec.input_bits}f{spec.input_fraction_bits}x{spec.index_bits}"
        f"o{spec.output_bits}u{spec.output_unit}{signs}"
    )


def _layout(entries: Sequence[Mapping[str, int]]) -> data.StructLayout:
    """Just wide enough for every entry."""
    columns = {name: [entry[name] for entry in entries] for name in entries[0]}
    return data.StructLayout({
        name: _range_shape(min(column), max(column)) for name, column in columns.items()
    })


def _range_shape(low: int, high: int) -> Shape:
    if low >= 0:
        return unsigned(max(1, high.bit_length()))
    return signed(max(high.bit_length(), (-low - 1).bit_length()) + 1)
