"""``o = x * y``, element by element."""

import numpy as np


def multiply(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Product of two arrays of one shape."""
    return x * y
