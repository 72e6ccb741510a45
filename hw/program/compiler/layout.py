"""How a row's elements lie in words: in parts, each from a word on."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hw.program.compiler.lengths import Length


@dataclass(frozen=True)
class Layout:
    """Parts of a row (heads, gates) of so many elements each, ``lanes`` elements in a word."""

    parts: tuple[int, ...]
    lanes: int

    @property
    def columns(self) -> int:
        """Elements that count."""
        return sum(self.parts)

    @cached_property
    def part_words(self) -> tuple[int, ...]:
        """Words of each part."""
        return tuple(-(-part // self.lanes) for part in self.parts)

    @property
    def words(self) -> int:
        """Words of a row."""
        return sum(self.part_words)

    @cached_property
    def positions(self) -> np.ndarray:
        """Where each column stands in a row of words, in elements."""
        starts = np.cumsum((0, *self.part_words[:-1])) * self.lanes
        return np.concatenate([
            start + np.arange(part) for start, part in zip(starts, self.parts, strict=True)
        ])

    @property
    def elements(self) -> int:
        """Elements up to the last that counts, zeros between the parts included."""
        return int(self.positions[-1]) + 1

    @property
    def padded(self) -> bool:
        """Whether there are zeros between parts."""
        return self.elements != self.columns

    def first_word(self, part: int) -> int:
        """The word that a part begins with."""
        return sum(self.part_words[:part])

    def same(self, other: "Layout") -> bool:
        """Whether every column stands at the same place."""
        return self.columns == other.columns and bool((self.positions == other.positions).all())


@dataclass(kw_only=True)
class Block:
    """Words of the buffer that were given away together, and how many tensors lie in them."""

    first: int
    words: int
    users: int = 0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a tensor's rows lie in the buffer.

    kind
        "rows" of 16 bits, "codes", "scaled" (codes behind a header word), "ids" or "mask".
    columns
        Word of each word of the layout, from a row's first one on.
    """

    kind: str
    layout: Layout
    count: Length
    first: int
    stride: int
    columns: tuple[int, ...]
    block: Block

    @property
    def contiguous(self) -> bool:
        """Whether a row's words follow each other."""
        start = self.columns[0]
        return self.columns == tuple(range(start, start + len(self.columns)))

    @property
    def word(self) -> int:
        """The first row's first word."""
        return self.first + self.columns[0]

    def part(self, index: int) -> int:
        """The first row's word that a part begins with."""
        return self.first + self.columns[self.layout.first_word(index)]
