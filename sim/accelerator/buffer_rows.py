"""Rows of integers in the buffer's words, an array (words, W) of uint8."""

import numpy as np

from golden.integer import Integers


def read_rows(buffer: np.ndarray, first: int, stride: int, rows: int, elements: int) -> Integers:
    """``rows`` rows of ``elements`` integers of 16 bits, ``stride`` words from one to the next."""
    return _rows(buffer, first, stride, rows, 2 * elements).view("<i2").astype(np.int64)


def write_rows(buffer: np.ndarray, first: int, stride: int, rows: np.ndarray) -> None:
    """Write the rows, whose integers have their widths in bytes, with zeros up to a word's end."""
    content = np.ascontiguousarray(rows).view(np.uint8)
    words = -(-content.shape[1] // buffer.shape[1])
    padded = np.zeros((len(content), words * buffer.shape[1]), np.uint8)
    padded[:, : content.shape[1]] = content
    for place, row in zip(_places(buffer, first, stride, len(rows), words), padded, strict=True):
        buffer[place] = row.reshape(words, -1)


def read_entries(buffer: np.ndarray, first: int, count: int) -> Integers:
    """``count`` integers of eight bytes."""
    return _rows(buffer, first, 0, 1, 8 * count).view("<i8")[0]


def _rows(buffer: np.ndarray, first: int, stride: int, rows: int, length: int) -> np.ndarray:
    words = -(-length // buffer.shape[1])
    places = _places(buffer, first, stride, rows, words)
    return np.ascontiguousarray(np.stack([buffer[place].reshape(-1)[:length] for place in places]))


def _places(buffer: np.ndarray, first: int, stride: int, rows: int, words: int) -> list[slice]:
    end = first + (rows - 1) * stride + words
    if first < 0 or end > len(buffer):
        raise ValueError(
            f"words {first} to {end - 1} leave the buffer of {len(buffer)} words: place them inside"
        )
    return [slice(start, start + words) for start in (first + n * stride for n in range(rows))]
