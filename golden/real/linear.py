"""``o = x W + b``."""

import numpy as np


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """``(N, K) x (K, M) -> (N, M)``."""
    return x @ weight + bias
