"""Delta attention: rows keep what changed little, and products of such rows reuse earlier ones.

Letters: N and M rows, D width, A' and B' rows that were held, dA and dB their differences to the
row before, the first row whole.

    X'_t = X_t where |X_t - X'_(t-1)| > threshold, else X'_(t-1)
    r_ij = r_(i-1)j + r_i(j-1) - r_(i-1)(j-1) + dA_i . dB_j

The recursion telescopes to A' B'^T: in integers it is exact, and nothing drifts. Only differences
that are not zero need a multiplication.

Source: DeltaKWT, arXiv 2204.03479.
"""

import numpy as np

from golden.integer import Integers, matmul
from golden.operator_spec import DeltaSpec


def delta(spec: DeltaSpec, x: np.ndarray) -> Integers:
    """``(N, D) -> (N, D)``: the held rows; the first row (the class token) stays as it is."""
    x = np.asarray(x).astype(np.int64)
    held = x.copy()
    for t in range(1, len(x)):
        changed = np.abs(x[t] - held[t - 1]) > spec.threshold
        held[t] = np.where(changed, x[t], held[t - 1])
    return held


def differences(held: np.ndarray) -> Integers:
    """``(..., N, D) -> (..., N, D)``: each row less the one before it, the first row whole."""
    return np.diff(held, axis=-2, prepend=np.zeros_like(held[..., :1, :]))


def delta_linear(change: np.ndarray, weight: np.ndarray) -> Integers:
    """``r_i = r_(i-1) + dA_i W``: ``(N, K) x (K, M) -> (N, M)``, equal to ``A' W``."""
    return np.cumsum(matmul(change, weight), axis=0)


def delta_product(row_change: np.ndarray, column_change: np.ndarray) -> Integers:
    """The recursion of both sides: ``(N, D), (M, D) -> (N, M)``, equal to ``A' B'^T``."""
    products = matmul(row_change, column_change.T)  # dA_i . dB_j
    r = np.zeros(products.shape, np.int64)
    above = np.zeros(products.shape[1], np.int64)
    for i, row in enumerate(products):
        left = corner = 0
        for j, product in enumerate(row):
            left = above[j] + left - corner + product
            corner = above[j]
            r[i, j] = left
        above = r[i]
    return r
