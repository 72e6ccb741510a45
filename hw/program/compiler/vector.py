"""Vector instructions: rows combined, rescaled, through a table, and out as rows or codes."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from golden.graph import Operator
from golden.operator_spec import (
    LayerNormSpec,
    NormalizeSpec,
    PoolSpec,
    ResidualAddSpec,
    SoftmaxSpec,
)
from golden.spec import RequantizeSpec, RowScaleSpec, ceil_log2
from golden.table_spec import TableSpec
from golden.tables import function_table
from hw.program.compiler.build import Build
from hw.program.compiler.layout import Layout, Place
from hw.program.compiler.lengths import Length
from hw.program.compiler.products import require_default
from hw.program.compiler.schedule import Change, Span
from hw.program.fields import COMBINES, SCALES
from hw.program.instructions import Count

SEGMENTS = 256
"""Segments that tables are counted in."""


@dataclass(kw_only=True)
class Rows:
    """One instruction of the vector unit in the making: operands, then results."""

    sources: dict[str, Place] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    result: Place | None = None
    codes: Place | None = None
    changes: tuple[Change, ...] = ()
    remark: str = ""


def emit(
    build: Build,
    rows: Rows,
    count: Length,
    elements: int,
    name: str = "rows",
    cut: bool = False,
    windows: tuple[Length, int] | None = None,
) -> None:
    """Append the instruction; a source of one row stands for every row of ``count``.

    With ``cut`` it may be several, each for a block of rows. A reduce is over all rows, or over
    ``windows``, so many of so many rows.
    """
    most = build.most(count)
    if windows is not None:
        found, length = windows
        values = rows.values | {"c_stride": length * rows.sources["a"].stride}
        counts = (build.lengths.count(found), Count(limit=length))
        made = len(build.schedule.nodes)
        emit(build, replace(rows, values=values), count, elements, name)
        build.schedule.nodes[made].counts = counts
        build.schedule.nodes[made].writes = [
            build.span(place) for place in (rows.result, rows.codes) if place is not None
        ]
        return
    for start, size in build.plan.blocks(most) if cut else [(0, most)]:
        _emit(build, rows, count, elements, name, start, size)


def _emit(
    build: Build, rows: Rows, count: Length, elements: int, name: str, start: int, size: int
) -> None:
    """The instruction for rows ``start`` to ``start + size - 1``."""
    values = dict(rows.values)
    reads, writes = [], []
    words = -(-elements // build.machine.lanes)
    # Where a register moves an operand, it may be any of its rows.
    most = None if rows.changes else size
    for letter, place in rows.sources.items():
        repeated = place.count == Length(constant=1) and count != place.count
        offset = 0 if repeated else start
        values[letter] = place.word + offset * place.stride
        if letter != "d":
            values[f"{letter}_stride"] = 0 if repeated else place.stride
        reads.append(build.span(place, words, offset=offset, rows=1 if repeated else most))
    if "d" in values:
        values["c_to_d"] = (values.pop("d") - values["c"]) & 0xFFFF
    if rows.result is not None:
        place = rows.result
        values |= {"result": place.word + start * place.stride, "result_stride": place.stride}
        one = values.get("argmax", 0) | values.get("top_k", 0)
        width = max(values.get("k", 1), 1) if one else words
        writes.append(build.span(place, width, offset=start, rows=most))
        if not one:
            values["write_rows"] = 1
    if rows.codes is not None:
        place = rows.codes
        header = values.get("header", 0)
        values |= {
            "write_codes": 1,
            "codes": place.word + start * place.stride,
            "codes_stride": place.stride,
        }
        width = header + -(-elements // build.machine.word_bytes)
        writes.append(build.span(place, width, offset=start, rows=most))
    counts: tuple[Count, ...] = (build.lengths.count(count, start, size),)
    if name == "reduce":
        # One window over all rows.
        counts = (Count(), *counts)
        writes = [replace(span, rows=1) for span in writes]
    build.schedule.emit(
        name,
        counts=counts,
        values={**values, "elements": elements},
        reads=reads,
        writes=writes,
        changes=rows.changes,
        remark=rows.remark,
    )


def combine(kind: str) -> dict[str, int]:
    """How the operands become a row."""
    return {"combine": COMBINES[kind]}


def scale(build: Build, operator: Operator, width: int) -> dict[str, int]:
    """The rescaling of an operator, its channel numbers loaded; its offset and multiplier."""
    if operator.kind == "softmax":
        _require(operator, operator.spec, SoftmaxSpec(), "the vector unit's softmax")
        _require_width(build, operator.name, width)
        return {"scale": SCALES["softmax"]}
    if operator.kind == "multiply":
        require_default(operator.name, operator.spec)
        multiplier, offset = (build.graph.constants[name] for name in operator.inputs[2:])
        return _single("multiplier", multiplier, offset)
    constants = [build.number(name) for name in operator.inputs[1:]]
    if operator.kind in {"mean_pool", "l2_normalize"}:
        kind = {"mean_pool": "mean", "l2_normalize": "l2_normalize"}[operator.kind]
        default = PoolSpec() if kind == "mean" else NormalizeSpec()
        _require(operator, operator.spec, default, "the vector unit")
        if kind != "mean":
            _require_width(build, operator.name, width)
        return _single(kind, *constants)
    _require_width(build, operator.name, width)
    if operator.kind == "layer_norm":
        multiplier, bias, epsilon, offset = constants
        default_norm = LayerNormSpec(width=width)
        _require(operator, operator.spec, default_norm, "the vector unit's layer norm")
        _load_channels(build, operator.name, multiplier, bias, int(epsilon), default_norm)
        return {"scale": SCALES["layer_norm"], "offset": int(offset)}
    multiplier, offset, bias = constants
    require_default(operator.name, operator.spec)
    layout = build.layouts[operator.name]
    _load_channels(build, operator.name, multiplier, bias, 0, LayerNormSpec(width=width), layout)
    return {"scale": SCALES["affine"], "offset": int(offset)}


def codes(spec: RowScaleSpec, offset: int, header: bool = True) -> dict[str, int]:
    """Codes of the row, with a scale of its own or a static one."""
    if replace(spec, static_scale=None) != RowScaleSpec():
        raise ValueError(
            f"codes by {spec} are none of the vector unit, which has the default spec: quantise "
            f"the network to 8 bits"
        )
    return {
        "header": int(header),
        "static_scale": spec.static_scale or 0,
        "codes_offset": int(offset),
    }


def function(build: Build, spec: TableSpec) -> dict[str, int]:
    """The table of a function, loaded if the vector unit does not hold it."""
    fine = spec.index_bits == 10
    if spec.input_bits != 16 or spec.output_bits != 16 or not spec.input_signed:
        raise ValueError(f"the vector unit has tables from 16 bits to 16, not {spec}")
    if spec.index_bits not in {8, 10}:
        raise ValueError(f"a table has 8 or 10 bits of index, not {spec.index_bits}")
    segments = 1 << spec.index_bits
    if spec not in build.tables:
        first = sum(1 << (one.index_bits) for one in build.tables if isinstance(one, TableSpec))
        if first + segments > build.machine.segments:
            if build.looping:
                raise ValueError(
                    f"the tables of a loop have more than {build.machine.segments} segments: take "
                    f"a machine with more"
                )
            build.tables.clear()
            first = 0
        build.tables[spec] = first // SEGMENTS
        entries = np.asarray(function_table(spec), np.int64)  # (segments + 1,)
        content = np.zeros((segments, 2), "<i4")
        content[:, 0] = entries[:-1] & 0xFFFF
        content[:, 1] = np.diff(entries) & 0x1FFFF
        _give(
            build,
            "table",
            f"table {spec.function} {spec.index_bits} {spec.input_fraction_bits} "
            f"{spec.output_unit}",
            content,
            {"segments": segments, "segment": first // SEGMENTS},
        )
    return {"function": 1, "fine": int(fine), "segment": build.tables[spec]}


def _single(kind: str, multiplier: Any, offset: Any) -> dict[str, int]:
    value = int(np.asarray(multiplier))
    if not 0 <= value <= 0xFFFF:
        raise ValueError(f"a multiplier of {value} is beyond 16 unsigned bits")
    return {"scale": SCALES[kind], "multiplier": value, "offset": int(np.asarray(offset))}


def _load_channels(
    build: Build,
    name: str,
    multiplier: np.ndarray,
    bias: np.ndarray,
    epsilon: int,
    spec: LayerNormSpec,
    layout: Layout | None = None,
) -> None:
    """Channel numbers of columns, those between parts being 0."""
    if build.channels == name:
        return
    build.channels = name
    places = np.arange(spec.width) if layout is None else layout.positions
    content = np.zeros((spec.width, 2), "<i4")
    content[places, 0] = np.asarray(multiplier, np.int64) & 0x1FFFF
    content[places, 1] = bias
    values = {
        "epsilon_low": epsilon & 0xFFFFFFFF,
        "epsilon_high": epsilon >> 32,
        "reciprocal": spec.reciprocal_width,
        "reciprocal_bits": ceil_log2(spec.width),
        "columns": spec.width,
    }
    _give(build, "channels", f"{name}.channels", content, values)


def _give(build: Build, kind: str, name: str, content: np.ndarray, values: dict[str, int]) -> None:
    """Numbers from memory through the buffer to the vector unit."""
    region = build.memory.add(name, content)
    words = -(-content.nbytes // build.machine.word_bytes)
    block = build.scratch(words, name)
    span = Span(first=block.first, words=words)
    build.schedule.emit(
        "load",
        values={"address": region.address, "words": words, "buffer": block.first, "stride": words},
        writes=[span],
        remark=name,
    )
    build.schedule.emit(kind, values={"source": block.first, **values}, reads=[span], remark=name)
    build.release(block)


def _require(operator: Operator, spec: Any, default: Any, what: str) -> None:
    if spec != default:
        raise ValueError(
            f"operator {operator.name!r} has the spec {spec}, but {what} computes {default}"
        )


def _require_width(build: Build, name: str, width: int) -> None:
    if width > build.machine.width:
        raise ValueError(
            f"operator {name!r} has rows of {width} elements, but the vector unit rescales rows of "
            f"{build.machine.width}: take a machine with more"
        )


def add_spec(operator: Operator) -> None:
    """Raise ``ValueError`` unless the vector unit computes this sum."""
    _require(operator, operator.spec, ResidualAddSpec(), "the vector unit")


def require(spec: RequantizeSpec) -> bool:
    """Whether the vector unit rescales so."""
    return spec == RequantizeSpec()
