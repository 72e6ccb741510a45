"""Largest integer of each column, over windows of rows or over all rows: exact."""

import numpy as np

from golden.integer import Integers
from golden.operator_spec import WindowPoolSpec


def max_pool(spec: WindowPoolSpec, x: np.ndarray) -> Integers:
    """``(N, D) -> (N / window, D)``; without a window ``(1, D)``. Rows left over are dropped."""
    length = spec.window or len(x)
    if len(x) < length:
        raise ValueError(f"a window of {length} is more than the {len(x)} rows: lower it")
    starts = range(0, len(x) - length + 1, length)
    return np.stack([x[start : start + length].max(axis=0) for start in starts])
