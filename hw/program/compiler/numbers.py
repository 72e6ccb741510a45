"""Numbers that the vector unit holds: tables of functions, channel numbers of columns."""

import numpy as np

from golden.operator_spec import LayerNormSpec
from golden.spec import ceil_log2
from golden.table_spec import TableSpec
from golden.tables import function_table
from hw.program.compiler.build import Build
from hw.program.compiler.layout import Layout
from hw.program.compiler.schedule import Span

SEGMENTS = 256
"""Segments that tables are counted in."""


def function(build: Build, spec: TableSpec) -> dict[str, int]:
    """The table of a function, loaded if the vector unit does not hold it."""
    if spec.input_bits != 16 or spec.output_bits != 16 or not spec.input_signed:
        raise ValueError(f"the vector unit has tables from 16 bits to 16, not {spec}")
    if spec.index_bits not in {8, 10}:
        raise ValueError(f"a table has 8 or 10 bits of index, not {spec.index_bits}")
    entries = np.asarray(function_table(spec), np.int64)
    name = f"{spec.function} {spec.index_bits} {spec.input_fraction_bits} {spec.output_unit}"
    return hold_table(build, name, entries)


def hold_table(build: Build, name: str, entries: np.ndarray) -> dict[str, int]:
    """The table of that name, loaded if the vector unit does not hold it.

    ``entries`` are the function's values at the ends of its 256 or 1,024 segments.
    """
    segments = len(entries) - 1
    if name not in build.tables:
        require_room(build, segments)
        first = _end(build)
        build.tables[name] = range(first, first + segments)
        content = np.zeros((segments, 2), "<i4")
        content[:, 0] = entries[:-1] & 0xFFFF
        content[:, 1] = np.diff(entries) & 0x1FFFF
        numbers = {"segments": segments, "segment": first // SEGMENTS}
        _give(build, "table", f"table {name}", content, numbers)
    held = build.tables[name]
    return {"function": 1, "fine": int(len(held) > SEGMENTS), "segment": held.start // SEGMENTS}


def require_room(build: Build, segments: int) -> None:
    """Let go of all tables unless there is room for so many segments more."""
    if _end(build) + segments > build.machine.segments:
        if build.looping or segments > build.machine.segments:
            raise ValueError(
                f"the tables of a loop have more than {build.machine.segments} segments: take a "
                f"machine with more"
            )
        build.tables.clear()


def _end(build: Build) -> int:
    return max((held.stop for held in build.tables.values()), default=0)


def load_channels(
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
