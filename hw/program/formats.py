"""How tensors lie in memory, for whoever writes inputs and reads results: rows of whole words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Format:
    """One tensor in memory.

    kind
        "rows" of 16 bits, "codes", "scaled" (a header word with the row's scale, then codes),
        "scales" (those header words: mantissas, then exponents), "ids" of 32 bits, "mask" (a
        word per block of keys), "hidden" (a mask as a row of 16 bits,
        the lowest integer where a key is hidden) or "results" (index and value a word).
    address, pitch
        Bytes: where the first row begins, from row to row.
    shape
        As in the graph; a name or a sum is a length that is known when the program runs.
    columns
        Bytes from a row's begin to each element of it.
    steps
        What makes rows of the tensor as the graph has it, before it is written: (kind, spec).
    variants
        Of a mask: what stands before it and the words that follow, one after the other.
    """

    kind: str
    address: int
    pitch: int
    shape: tuple[int | str, ...]
    columns: tuple[int, ...] = ()
    block: int = 1
    signed: bool = True
    steps: tuple[tuple[str, Any], ...] = ()
    variants: tuple[tuple[tuple[bool, ...], int], ...] = ()

    def lengths(self, array: np.ndarray) -> dict[str, int]:
        """The lengths that an array of this shape tells."""
        if array.ndim != len(self.shape):
            raise ValueError(f"an input of shape {self.shape} was given the shape {array.shape}")
        for size, given in zip(self.shape, array.shape, strict=True):
            if isinstance(size, int) and size != given:
                raise ValueError(
                    f"an input of shape {self.shape} was given the shape {array.shape}"
                )
        pairs = zip(self.shape, array.shape, strict=True)
        return {size: given for size, given in pairs if isinstance(size, str)}

    def pack(self, array: np.ndarray) -> bytes:
        """The bytes of a tensor, from ``address`` on."""
        array = np.asarray(array)
        for kind, spec in self.steps:
            array = _STEPS[kind](spec, array)
        if self.kind == "ids":
            return array.astype("<i4").tobytes()
        if self.kind in {"mask", "hidden"}:
            pack = self._mask if self.kind == "mask" else self._hidden
            return b"".join(
                pack(np.concatenate([np.array(before, bool), array]), words)
                for before, words in self.variants
            )
        rows = array.reshape(-1, len(self.columns)) if array.ndim != 1 else array[None]
        content = np.zeros((len(rows), self.pitch // 2), "<i2")
        content[:, np.asarray(self.columns) // 2] = rows
        return content.tobytes()

    def unpack(self, memory: np.ndarray, lengths: Mapping[str, int]) -> np.ndarray:
        """The tensor in an array of bytes, with the lengths that its shape names."""
        shape = self._sizes(lengths)
        rows = math.prod(shape[:-1])
        if self.kind == "tokens":
            return self._tokens(memory, rows)
        # Rows whose length is known only now may have fewer elements than they have room for.
        columns = np.asarray(self.columns[: shape[-1]])
        places = self.address + self.pitch * np.arange(rows)[:, None] + columns
        if self.kind in {"codes", "scaled"}:
            return memory[places].view(np.int8).astype(np.int64).reshape(shape)
        if self.kind == "scales":
            low, middle, high = (memory[places + byte].astype(np.int64) for byte in range(3))
            exponent = ((high & 63) ^ 32) - 32
            return np.stack([low | middle << 8, exponent]).reshape(2, *shape[:-1])
        if self.kind == "results":
            parts = [memory[places + byte].astype(np.int64) << (8 * byte) for byte in range(4)]
            value = sum(parts)
            return ((value ^ (1 << 31)) - (1 << 31)).reshape(shape)
        low, high = memory[places].astype(np.int64), memory[places + 1].astype(np.int64)
        value = low | (high << 8)
        if self.signed:
            value = (value ^ (1 << 15)) - (1 << 15)
        return value.reshape(shape)

    def place(self, index: tuple[int, ...], lengths: Mapping[str, int]) -> int:
        """The first byte of an element of rows or codes, with the lengths that the shape names."""
        shape = self._sizes(lengths)
        if self.kind == "scales":
            index = (*index[1:], 0)
        flat = int(np.ravel_multi_index(index, shape))
        row, column = divmod(flat, shape[-1])
        return self.address + self.pitch * row + self.columns[column]

    def headers(self) -> "Format":
        """Of the row scales in front of codes: (2, rows), mantissas and exponents."""
        return replace(self, kind="scales", shape=(*self.shape[:-1], 1), columns=(0,))

    def _sizes(self, lengths: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(
            size if isinstance(size, int) else resolve(size, lengths) for size in self.shape
        )

    def _mask(self, mask: np.ndarray, words: int) -> bytes:
        """Words of a mask, bit k of each for key k of its block."""
        bits = np.zeros((words, 8 * self.pitch), bool)
        for word in range(words):
            part = mask[word * self.block : (word + 1) * self.block]
            bits[word, : len(part)] = part
        return np.packbits(bits, axis=1, bitorder="little").tobytes()

    def _hidden(self, mask: np.ndarray, words: int) -> bytes:
        """What each key's score is raised by: 0, or the lowest integer."""
        row = np.zeros(words * self.block, "<i2")
        row[: len(mask)] = np.where(mask, 0, -(1 << 15))
        return row.tobytes()

    def _tokens(self, memory: np.ndarray, most: int) -> np.ndarray:
        """Tokens up to the last, ``block``, included."""
        places = self.address + self.pitch * np.arange(most)[:, None] + np.arange(4)
        tokens = memory[places].view("<i4")[:, 0].astype(np.int64)
        ends = np.flatnonzero(tokens == self.block)
        return tokens[: ends[0] + 1] if ends.size else tokens


def resolve(size: str, lengths: Mapping[str, int]) -> int:
    """The number behind ``"tokens"`` or ``"tokens+1"``."""
    return sum(int(part) if part.isdecimal() else lengths[part] for part in size.split("+"))


def _windows(spec: Any, x: np.ndarray) -> np.ndarray:
    """``(S, C) -> (O, K C)`` or ``(S, S', C) -> (O, O', K K' C)``, zeros before and after."""
    axes = len(spec.kernel)
    x = np.pad(x, (*spec.padding, (0, 0)))
    found = np.lib.stride_tricks.sliding_window_view(x, spec.kernel, tuple(range(axes)))
    found = found[tuple(slice(None, None, step) for step in spec.stride)]
    # (O, O', C, K, K'): the window stands before the channels.
    found = np.moveaxis(found, axes, -1)
    return found.reshape(*found.shape[:axes], -1)


_STEPS: dict[str, Any] = {
    "windows": _windows,
    "reshape": lambda spec, x: x.reshape(spec.shape),
}
