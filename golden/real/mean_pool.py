"""Mean over the tokens."""

import numpy as np


def mean_pool(x: np.ndarray) -> np.ndarray:
    """``(N, D) -> (D,)``."""
    return x.mean(axis=0)
