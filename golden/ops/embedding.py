"""Rows of a table: by token, or by position."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers


def embedding(_spec: Any, token_ids: ArrayLike, table: np.ndarray) -> Integers:
    """Row ``token_ids[n]`` of ``table`` for each n: ``(N,), (V, D) -> (N, D)``; exact."""
    ids = np.asarray(token_ids)
    if ids.size and not 0 <= ids.min() <= ids.max() < len(table):
        wrong = ids[(ids < 0) | (ids >= len(table))][0]
        raise ValueError(f"token id {wrong} is outside the table of {len(table)} rows")
    return table[ids].astype(np.int64)


def position(_spec: Any, x: np.ndarray, table: np.ndarray) -> Integers:
    """The first N rows of ``table`` for an ``x`` of N rows: ``(N, D), (P, D) -> (N, D)``; exact."""
    if len(x) > len(table):
        raise ValueError(f"{len(x)} tokens are more than the {len(table)} positions: shorten them")
    return table[: len(x)].astype(np.int64)
