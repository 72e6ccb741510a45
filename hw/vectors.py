"""Reference vectors as text: one line a beat, one hexadecimal word a field (docs/vectors.md)."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hw.flat import Field, FlatStream

FORMAT = 1
AFTER_BITS = 32


@dataclass(frozen=True, kw_only=True)
class Beats:
    """Beats of one stream, in order.

    fields
        Per field an integer array (beats, *dimensions).
    after
        Per other stream, how many of its transfers must be over before each beat is offered.
    """

    fields: Mapping[str, NDArray]
    after: Mapping[str, NDArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))


@dataclass(frozen=True, kw_only=True)
class Section:
    """Where the beats of one stream stand in the file: ``beats * words`` words from ``first`` on.

    The words of a beat are first one count per stream of ``after``, then the stream's fields.
    """

    stream: FlatStream
    first: int
    beats: int
    after: tuple[str, ...]

    @property
    def words(self) -> int:
        """Words of one beat."""
        return len(self.after) + len(self.stream.fields)

    @property
    def end(self) -> int:
        """Word after the last one."""
        return self.first + self.beats * self.words


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """A file of vectors; ``fingerprint`` is its first word, the CRC-32 of the lines of words."""

    text: str
    fingerprint: int
    sections: tuple[Section, ...]

    @property
    def words(self) -> int:
        """Words in the file."""
        return self.sections[-1].end

    @property
    def word_bits(self) -> int:
        """Width of the widest word."""
        widths = [one.width for section in self.sections for one in section.stream.fields]
        return max(AFTER_BITS, *widths)


def write_vectors(name: str, streams: Sequence[FlatStream], beats: Mapping[str, Beats]) -> Vectors:
    """Return the file of ``beats`` by stream for the block ``name``; same input, same bytes."""
    sections: list[Section] = []
    parts: list[str] = []
    checksum = 0
    first = 1
    for stream in streams:
        one = beats[stream.name]
        section = Section(stream=stream, first=first, beats=len(one), after=tuple(one.after))
        lines = list(_lines(stream, one))
        for line in lines:
            checksum = zlib.crc32(f"{line}\n".encode(), checksum)
        parts += [_heading(section), *lines]
        sections.append(section)
        first = section.end
    head = f"// Cimera vectors, format {FORMAT}: {name}"
    text = "\n".join([head, f"{checksum:08x}", *parts]) + "\n"
    return Vectors(text=text, fingerprint=checksum, sections=tuple(sections))


def _heading(section: Section) -> str:
    direction = "in" if section.stream.is_input else "out"
    names = [f"after_{other}" for other in section.after]
    names += [one.name for one in section.stream.fields]
    return f"// stream {section.stream.name} {direction}: {' '.join(names)}"


def _lines(stream: FlatStream, beats: Beats) -> Iterator[str]:
    for index in range(len(beats)):
        words = [f"{int(counts[index]):x}" for counts in beats.after.values()]
        words += [_word(one, beats.fields[one.name][index]) for one in stream.fields]
        yield " ".join(words)


def _word(one: Field, elements: NDArray) -> str:
    """Hexadecimal of the elements, the first one in the least significant bits."""
    mask = (1 << one.element_bits) - 1
    word = 0
    for place, element in enumerate(np.asarray(elements).reshape(-1)):
        word |= (int(element) & mask) << (place * one.element_bits)
    return f"{word:0{-(-one.width // 4)}x}"
