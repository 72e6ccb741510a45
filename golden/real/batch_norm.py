"""``o = (x - mean) / sqrt(variance + epsilon) * gain + bias`` with learned mean and variance."""

import numpy as np


def batch_norm(
    x: np.ndarray,
    gain: np.ndarray,
    bias: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    *,
    epsilon: float = 1e-3,
) -> np.ndarray:
    """``(..., C) -> (..., C)``; the four others are of ``(C,)``."""
    return (x - mean) / np.sqrt(variance + epsilon) * gain + bias
