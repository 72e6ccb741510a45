"""``o = x * gain + bias`` per channel: what is left of a batch norm, requantised once.

Error: 1/2 of an output integer, plus ``2**-16`` relative of a multiplier that uses its 16 bits,
plus ``2**-9`` for the bias.
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, requantize
from golden.ops.quantize import unit_rows
from golden.spec import RequantizeSpec


def affine(
    spec: RequantizeSpec,
    x: ArrayLike,
    multiplier: np.ndarray,
    exponent_offset: ArrayLike,
    bias: ArrayLike,
) -> Integers:
    """``(..., C) -> (..., C)``; ``multiplier`` (signed) and ``bias`` of ``(C,)``."""
    signed = np.asarray(x).astype(np.int64) * np.sign(multiplier)
    scale = unit_rows(spec, signed, exponent_offset)
    return requantize(spec, signed, np.abs(multiplier), bias, scale)
