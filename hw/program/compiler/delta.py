"""Rows that keep what changed little, by the vector unit: each row after the one before it.

With h the row that was held, and all sums saturated:

    e = x + (-1 - h)                        the difference less 1, of which -32,768 has no negative
    d = |e + 1|
    z = 1 - 2**-15 where d - threshold - 1 < 0, else 0
    h = z h + (1 - z) x                     exactly h or x, as h - x is below 2**14 where z is not 0
"""

from dataclasses import replace
from functools import partial

import numpy as np

from golden.graph import Operator
from golden.spec import RequantizeSpec
from hw.program.compiler import vector
from hw.program.compiler.build import Build
from hw.program.compiler.cells import ONE
from hw.program.compiler.layout import Place
from hw.program.compiler.lengths import Length
from hw.program.compiler.loop import rows_loop
from hw.program.compiler.numbers import hold_table, require_room
from hw.program.compiler.schedule import Change
from hw.program.fields import SCALES

LARGEST = (1 << 14) - 1
"""The largest threshold: a difference up to it leaves what is held as it was."""

GAIN_BITS = 6
"""A table's segment at 10 bits of index is 2**6 wide, so that its steps end there."""

_COARSE = np.arange(257) * 256 - (1 << 15)
_FINE = np.arange(1025) * 64 - (1 << 15)
TABLES = {
    "complement": -1 - _COARSE,
    "magnitude": np.minimum(np.abs(_COARSE), np.where(_COARSE < 0, 32767, 32768)),
    "below zero": np.where(_FINE < 0, 32767, 0),
}
"""Functions at the ends of segments; between them exact, as they are lines there."""


def delta(build: Build, operator: Operator) -> None:
    """The held rows."""
    (name,), threshold = operator.inputs, operator.spec.threshold
    source = build.places[name]
    if threshold > LARGEST:
        raise ValueError(
            f"operator {operator.name!r} holds differences up to {threshold}, but the vector unit "
            f"up to {LARGEST}: give its tensor a larger scale"
        )
    if not source.contiguous:
        raise ValueError(
            f"operator {operator.name!r} reads {name!r}, whose heads lie apart: not supported"
        )
    out = build.make(operator.name)
    require_room(build, sum(len(entries) - 1 for entries in TABLES.values()))
    tables = {name: hold_table(build, name, entries) for name, entries in TABLES.items()}
    scratch = partial(_row, build, operator.name, source)
    opposite, change, held = scratch("opposite"), scratch("change"), scratch("held")
    one, limit = scratch("one", 1), scratch("limit", -threshold - 1)
    emit = partial(_emit, build, operator.name)
    # 2**15 as multiplier, and a power of two beside it.
    usual = RequantizeSpec().shift - 15
    gain = {"scale": SCALES["multiplier"], "multiplier": 1 << 15, "offset": usual + GAIN_BITS}
    emit({"a": source}, out)
    emit({"a": out}, opposite, tables["complement"])
    if build.most(source.count) > 1:
        later, made = _from_second(source), _from_second(out)
        with rows_loop(build, operator.name, source.count + Length(constant=-1)) as row:
            emit({"a": later, "b": opposite}, change, vector.combine("add"), {"a": row})
            emit({"a": change, "b": one}, change, vector.combine("add") | tables["magnitude"])
            values = vector.combine("add") | gain | tables["below zero"]
            emit({"a": change, "b": limit}, held, values)
            rows = {"a": held, "b": out, "c": later}
            emit(rows, made, vector.combine("gru"), {"b": row, "c": row, "result": row})
            emit({"a": made}, opposite, tables["complement"], {"a": row})
    for place in (opposite, change, held, one, limit):
        build.release(place.block)


def _emit(
    build: Build,
    name: str,
    sources: dict[str, Place],
    result: Place,
    values: dict[str, int] | None = None,
    moved: dict[str, int] | None = None,
) -> None:
    """One row; ``moved`` are registers that choose the rows of operands and of the result."""
    places = {**sources, "result": result}
    rows = vector.Rows(
        sources=sources,
        values=values or {},
        result=result,
        changes=tuple(
            Change(field=field, register=register, factor=places[field].stride)
            for field, register in (moved or {}).items()
        ),
        remark=name,
    )
    vector.emit(build, rows, ONE, result.layout.elements)


def _row(build: Build, name: str, like: Place, what: str, value: int | None = None) -> Place:
    """A row of its own, with a number in all elements."""
    layout = like.layout
    place = build.place(f"{name}, {what}", "rows", layout, ONE, layout.words)
    if value is not None:
        content = np.full(layout.words * layout.lanes, value, "<i2")
        region = build.memory.add(f"rows of {value}, {layout.words} words", content)
        build.load(region, place, layout.words, 0, remark=name)
    return place


def _from_second(place: Place) -> Place:
    """The rows behind the first."""
    left = place.count + Length(constant=-1)
    return replace(place, first=place.first + place.stride, count=left)
