"""Mean over the tokens: the column sums, requantised by 1 / N.

Error: 1/2 of an output integer plus ``2**-11`` relative (the reciprocal's tables).
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, requantize
from golden.operator_spec import PoolSpec
from golden.ops.quantize import move_exponent
from golden.ops.reciprocal import reciprocal


def mean_pool(
    spec: PoolSpec, x: ArrayLike, multiplier: ArrayLike, exponent_offset: ArrayLike
) -> Integers:
    """``(N, D) -> (D,)``; one ``multiplier`` for all columns."""
    x = np.asarray(x).astype(np.int64)
    scale = reciprocal(spec.reciprocal, len(x))
    scale = move_exponent(scale, exponent_offset)
    return requantize(spec.requantize, x.sum(axis=0), multiplier, 0, scale)
