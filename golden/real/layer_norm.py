"""``o = (x - mean) / sqrt(variance + epsilon) * gain + bias``."""

import numpy as np


def layer_norm(
    x: np.ndarray, gain: np.ndarray, bias: np.ndarray, *, epsilon: float = 1e-5
) -> np.ndarray:
    """``(..., D) -> (..., D)``; ``gain`` and ``bias`` of ``(D,)``."""
    c = x - x.mean(axis=-1, keepdims=True)
    variance = (c * c).mean(axis=-1, keepdims=True)
    return c / np.sqrt(variance + epsilon) * gain + bias
