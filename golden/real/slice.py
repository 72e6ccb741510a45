"""Part of a tensor, and another shape of the same numbers."""

from collections.abc import Sequence

import numpy as np


def slice_rows(
    x: np.ndarray, *, start: int = 0, stop: int | None = None, axis: int = 0
) -> np.ndarray:
    """Indices ``start`` to ``stop - 1`` of ``axis``; negative ones count from the end."""
    index = [slice(None)] * x.ndim
    index[axis] = slice(start, stop)
    return x[tuple(index)]


def reshape(x: np.ndarray, *, shape: Sequence[int]) -> np.ndarray:
    """The same numbers in the same order; one length may be -1."""
    return x.reshape(tuple(shape))
