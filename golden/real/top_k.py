"""The k largest of each row, in order; of equals the lower index comes first."""

import numpy as np


def top_k(x: np.ndarray, *, k: int) -> tuple[np.ndarray, np.ndarray]:
    """``(..., T) -> (..., k), (..., k)``: values and indices."""
    # Backwards in a sort that keeps order, the last of equals would come first: so turn both.
    last = x.shape[-1] - 1
    order = last - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1][..., :k]
    return np.take_along_axis(x, order, -1), order
