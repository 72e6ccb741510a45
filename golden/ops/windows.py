"""Windows of an image or a sequence, side by side: exact. A linear makes them a convolution.

Letters: S size of a spatial axis, K window, P padding, C channels; O = (S + P - K) / stride + 1.
"""

import numpy as np

from golden.integer import Integers
from golden.movement_spec import WindowSpec


def windows(spec: WindowSpec, x: np.ndarray) -> Integers:
    """``(S, C) -> (O, K C)`` or ``(S, S', C) -> (O, O', K K' C)``; zeros before and after."""
    x = np.pad(x, (*spec.padding, (0, 0)))
    for axis, (length, step) in enumerate(zip(spec.kernel, spec.stride, strict=True)):
        size = x.shape[axis]
        if size < length:
            raise ValueError(
                f"a window of {length} does not fit in the padded length {size}: pad more"
            )
        # Row i of the result holds the inputs i * step to i * step + length - 1.
        starts = np.arange((size - length) // step + 1) * step
        x = np.take(x, starts[:, None] + np.arange(length), axis)  # one axis becomes (O, K)
        x = np.moveaxis(x, axis + 1, -2)  # the window stands before the channels
    outputs = x.shape[: len(spec.kernel)]
    return x.reshape(*outputs, -1)
