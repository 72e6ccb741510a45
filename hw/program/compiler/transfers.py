"""Whole blocks from memory, and tensors to memory."""

from collections.abc import Sequence

from golden.graph import Graph
from hw.program.compiler.build import Build
from hw.program.compiler.layout import Block, Place
from hw.program.compiler.memory import Region
from hw.program.compiler.schedule import Span
from hw.program.formats import Format


def load_words(build: Build, region: Region, block: Block, remark: str) -> None:
    """A block's words from memory."""
    build.schedule.emit(
        "load",
        values={
            "address": region.address,
            "words": block.words,
            "buffer": block.first,
            "stride": block.words,
        },
        reads=build.memory_spans(region),
        writes=[Span(first=block.first, words=block.words)],
        remark=remark,
    )


def store(build: Build, region: Region, place: Place, remark: str = "") -> None:
    """Rows of the buffer to memory, whole, one behind the other."""
    width = build.machine.word_bytes
    for at, columns in _runs(place.columns):
        word = place.first + columns[0]
        build.schedule.emit(
            "store",
            counts=(build.lengths.count(place.count),),
            values={
                "address": region.address + at * width,
                "pitch": len(place.columns) * width,
                "words": len(columns),
                "buffer": word,
                "stride": place.stride,
            },
            reads=[build.span(place, len(columns), word)],
            writes=build.memory_spans(region),
            remark=remark,
        )


def store_tensor(build: Build, name: str, region_name: str) -> Format:
    """Write a tensor to memory; how it lies there."""
    place = build.places[name]
    words = len(place.columns)
    pitch = words * build.machine.word_bytes
    region = build.memory.reserve(region_name, max(build.most(place.count), 1) * pitch)
    store(build, region, place, region_name)
    tensor = build.graph.tensors[name]
    return Format(
        kind=place.kind,
        address=region.address,
        pitch=pitch,
        shape=tensor.shape,
        columns=_columns(build.graph, name, place, build.machine.word_bytes),
        signed=tensor.signed,
    )


def _columns(graph: Graph, name: str, place: Place, word_bytes: int) -> tuple[int, ...]:
    """Bytes from a row's begin to each element."""
    if place.kind == "results":
        maker = next(one for one in graph.operators if name in one.outputs)
        first = 4 if maker.outputs.index(name) == 0 else 0
        return tuple(first + word_bytes * rank for rank in range(len(place.columns)))
    positions = [int(position) for position in place.layout.positions]
    if place.kind == "scaled":
        return tuple(word_bytes + position for position in positions)
    return tuple(2 * position for position in positions)


def _runs(columns: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Words that follow each other, with the place of the first among all."""
    runs: list[tuple[int, list[int]]] = []
    for at, column in enumerate(columns):
        if runs and column == runs[-1][1][-1] + 1:
            runs[-1][1].append(column)
        else:
            runs.append((at, [column]))
    return runs
