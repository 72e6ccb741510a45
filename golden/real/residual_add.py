"""``o = x + y``."""

import numpy as np


def residual_add(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sum of two arrays of one shape."""
    return x + y
