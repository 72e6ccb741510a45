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
