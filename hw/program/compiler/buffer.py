"""Gives words of the on-chip buffer away and takes them back."""

from hw.program.compiler.layout import Block

LARGE = 8
"""A large block is more than this part of the buffer."""


class Buffer:
    """First fit from where the last block ended, so that what was freed last is reused last.

    An instruction that writes where another still reads must wait for it. ``packed`` is for what
    hardly fits: small blocks as low as they fit, large ones as high, so that there is room between.
    """

    def __init__(self, words: int, packed: bool = False) -> None:
        self.words, self.packed = words, packed
        self.most = 0
        """The highest word that was ever given away."""
        self._blocks: list[Block] = []
        self._next = 0

    @property
    def used(self) -> int:
        """Words that are given away."""
        return sum(block.words for block in self._blocks)

    def fits(self, words: int) -> bool:
        """Whether there are that many words side by side."""
        return self._fit_low(words) is not None

    def allocate(self, words: int, what: str) -> Block:
        """A block of that many words."""
        if self.packed:
            finds = [self._fit_high if words > self.words // LARGE else self._fit_low]
        else:
            finds = [self._fit_next, self._fit_low]
        for find in finds:
            first = find(words)
            if first is not None:
                block = Block(first=first, words=words)
                self._blocks.append(block)
                self._blocks.sort(key=lambda one: one.first)
                self._next = first + words
                self.most = max(self.most, self._next)
                return block
        raise ValueError(
            f"{what} needs {words} words of the buffer, but {self.used} of {self.words} are in "
            f"use: lower the maximum lengths or take a machine with a larger buffer"
        )

    def rewind(self) -> None:
        """The next block as low as it fits."""
        self._next = 0

    def free(self, block: Block) -> None:
        """Take a block back."""
        self._blocks.remove(block)

    def _fit_next(self, words: int) -> int | None:
        return self._fit(words, self._next)

    def _fit_low(self, words: int) -> int | None:
        return self._fit(words, 0)

    def _fit_high(self, words: int) -> int | None:
        end = self.words
        for block in reversed(self._blocks):
            if block.first + block.words <= end - words:
                break
            end = block.first
        return end - words if end >= words else None

    def _fit(self, words: int, start: int) -> int | None:
        for block in self._blocks:
            if block.first + block.words <= start:
                continue
            if start + words <= block.first:
                return start
            start = block.first + block.words
        return start if start + words <= self.words else None
