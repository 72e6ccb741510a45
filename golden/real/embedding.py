"""Rows of a table: by token, or by position; the table of sines."""

import numpy as np


def embedding(token_ids: np.ndarray, table: np.ndarray) -> np.ndarray:
    """``(N,), (V, D) -> (N, D)``."""
    return table[token_ids]


def position(x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """``(N, D), (P, D) -> (N, D)``: the first N rows."""
    return table[: len(x)]


def sinusoidal(positions: int, width: int) -> np.ndarray:
    """``(P, D)``: ``sin(p / 10000**(2 i / D))`` in column 2 i, its cosine in column 2 i + 1.

    Source: Vaswani et al., Attention is all you need, 2017, section 3.5.
    """
    if width % 2:
        raise ValueError(f"a table of sines and cosines needs an even width, not {width}")
    rate = 10000.0 ** (-np.arange(0, width, 2) / width)  # (D / 2,)
    angle = np.arange(positions)[:, None] * rate  # (P, D / 2)
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(positions, width)
