"""``o = x * y``, element by element, rounded once.

Error: 1/2 of an output integer, plus ``2**-16`` relative of a multiplier that uses its 16 bits.
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, requantize
from golden.ops.quantize import unit_rows
from golden.spec import RequantizeSpec


def multiply(
    spec: RequantizeSpec,
    x: ArrayLike,
    y: ArrayLike,
    multiplier: ArrayLike,
    exponent_offset: ArrayLike,
) -> Integers:
    """Product of two arrays of one shape, ``(..., D)``; one ``multiplier`` for all."""
    product = np.asarray(x).astype(np.int64) * np.asarray(y)
    return requantize(spec, product, multiplier, 0, unit_rows(spec, product, exponent_offset))
