"""``o = x / sqrt(sum(x**2))``."""

import numpy as np


def l2_normalize(x: np.ndarray) -> np.ndarray:
    """``(..., D) -> (..., D)``; zeros stay zeros."""
    length = np.sqrt((x * x).sum(axis=-1, keepdims=True))
    return x / np.maximum(length, np.finfo(x.dtype).tiny)
