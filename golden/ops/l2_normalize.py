"""``o = x / sqrt(sum(x**2))``: requantised by the reciprocal root.

Error: 1/2 of an output integer plus ``2**-12`` relative (the root's table); zeros give zeros.
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, requantize
from golden.operator_spec import NormalizeSpec
from golden.ops.quantize import move_exponent
from golden.ops.reciprocal_root import reciprocal_root


def l2_normalize(
    spec: NormalizeSpec, x: ArrayLike, multiplier: ArrayLike, exponent_offset: ArrayLike
) -> Integers:
    """``(..., D) -> (..., D)``; one ``multiplier`` for all columns."""
    x = np.asarray(x).astype(np.int64)
    length = np.maximum((x * x).sum(axis=-1), 1)  # (...)
    scale = reciprocal_root(spec.root, length)
    scale = move_exponent(scale, exponent_offset)
    return requantize(spec.requantize, x, multiplier, 0, scale)
