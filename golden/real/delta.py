"""Rows that keep what changed little: ``X'_t = X_t where |X_t - X'_(t-1)| > threshold``, else the
row before.

Source: DeltaKWT, arXiv 2204.03479.
"""

import numpy as np


def delta(x: np.ndarray, *, threshold: float) -> np.ndarray:
    """``(N, D) -> (N, D)``; the first row (the class token) stays as it is."""
    held = [x[0]]
    for row in x[1:]:
        held.append(np.where(np.abs(row - held[-1]) > threshold, row, held[-1]))
    return np.stack(held)
