"""Rows of a table: by token, or by position."""

import numpy as np


def embedding(token_ids: np.ndarray, table: np.ndarray) -> np.ndarray:
    """``(N,), (V, D) -> (N, D)``."""
    return table[token_ids]


def position(x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """``(N, D), (P, D) -> (N, D)``: the first N rows."""
    return table[: len(x)]
