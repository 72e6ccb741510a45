"""``P = exp(x - max) / sum(exp(x - max))``."""

import numpy as np


def softmax(x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """``(..., T) -> (..., T)``; ``mask`` is true where a key counts; no keys give zeros."""
    x = x if mask is None else np.where(mask, x, -np.inf)
    largest = x.max(axis=-1, keepdims=True)
    p = np.exp(x - np.where(np.isfinite(largest), largest, 0))
    total = p.sum(axis=-1, keepdims=True)
    return p / np.where(total > 0, total, 1)
