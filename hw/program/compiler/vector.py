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
from golden.spec import RowScaleSpec
from hw.program.compiler.build import Build
from hw.program.compiler.layout import Place
from hw.program.compiler.lengths import Length
from hw.program.compiler.numbers import load_channels
from hw.program.compiler.products import require_default
from hw.program.compiler.schedule import Change
from hw.program.fields import COMBINES, SCALES
from hw.program.instructions import Count


@dataclass(kw_only=True)
class Rows:
    """One instruction of the vector unit in the making: operands, then results.

    ``width`` is the length of rows that is known only when the program runs.
    """

    sources: dict[str, Place] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    result: Place | None = None
    codes: Place | None = None
    changes: tuple[Change, ...] = ()
    remark: str = ""
    width: Length | None = None


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
    if rows.width is not None:
        counts, values["counted"] = (*counts, build.lengths.count(rows.width)), 1
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
        load_channels(build, operator.name, multiplier, bias, int(epsilon), default_norm)
        return {"scale": SCALES["layer_norm"], "offset": int(offset)}
    multiplier, offset, bias = constants
    require_default(operator.name, operator.spec)
    layout = build.layouts[operator.name]
    load_channels(build, operator.name, multiplier, bias, 0, LayerNormSpec(width=width), layout)
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


def _single(kind: str, multiplier: Any, offset: Any) -> dict[str, int]:
    value = int(np.asarray(multiplier))
    if not 0 <= value <= 0xFFFF:
        raise ValueError(f"a multiplier of {value} is beyond 16 unsigned bits")
    return {"scale": SCALES[kind], "multiplier": value, "offset": int(np.asarray(offset))}


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
