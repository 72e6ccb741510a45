"""Whole blocks from memory, and tensors to memory."""

from collections.abc import Sequence

from hw.program.compiler.build import Build
from hw.program.compiler.layout import Block, Place
from hw.program.compiler.memory import Region
from hw.program.compiler.schedule import Span


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


def _runs(columns: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Words that follow each other, with the place of the first among all."""
    runs: list[tuple[int, list[int]]] = []
    for at, column in enumerate(columns):
        if runs and column == runs[-1][1][-1] + 1:
            runs[-1][1].append(column)
        else:
            runs.append((at, [column]))
    return runs
