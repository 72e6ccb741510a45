"""Tensors side by side, and learned rows before a tensor's own."""

import numpy as np


def concat(*tensors: np.ndarray, axis: int = 0) -> np.ndarray:
    """``(N, D), (M, D) -> (N + M, D)``, or along ``axis``."""
    return np.concatenate(tensors, axis)


def prepend(x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """``(N, D), (P, D) -> (P + N, D)``: class tokens, or the bias token of keys and values."""
    return np.concatenate([table, x])
