"""Windows of an image or a sequence, side by side: with them a convolution is a matrix product.

Letters: S size of a spatial axis, K window, P padding, C channels; O = (S + P - K) / stride + 1.
"""

from collections.abc import Sequence

import numpy as np


def windows(
    x: np.ndarray,
    *,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
) -> np.ndarray:
    """``(S, C) -> (O, K C)`` or ``(S, S', C) -> (O, O', K K' C)``; zeros before and after."""
    x = np.pad(x, (*padding, (0, 0)))
    axes = tuple(range(len(kernel)))
    views = np.lib.stride_tricks.sliding_window_view(x, tuple(kernel), axis=axes)
    views = views[tuple(slice(None, None, step) for step in stride)]  # (O, O', C, K, K')
    views = np.moveaxis(views, len(kernel), -1)  # (O, O', K, K', C)
    return views.reshape(*views.shape[: len(kernel)], -1)
