"""``1 / n = 2**-log2(n)`` as a row scale, without a divider.

Relative error at most ``2**(1 - fraction_bits) + h**2 / 4 + 2**-mantissa_bits`` with segments of
length ``h = 2**-index_bits``: lines and entries of both tables, the cut after the leading one.
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, RowScale, bit_length
from golden.ops.interpolate import interpolate
from golden.table_spec import ReciprocalSpec


def logarithm(spec: ReciprocalSpec, n: ArrayLike) -> Integers:
    """``log2(n)`` with ``fraction_bits`` fraction bits, for integers ``n >= 1``.

    Error at most ``(2**-fraction_bits + h**2 / 8) / ln(2) + 2**-fraction_bits``.
    """
    n = np.asarray(n).astype(np.int64)
    exponent = bit_length(n) - 1
    # What follows the leading one, cut to fraction_bits bits.
    drop = exponent - spec.fraction_bits
    cut = (n >> np.maximum(drop, 0)) << np.maximum(-drop, 0)
    fraction = cut - (1 << spec.fraction_bits)
    return (exponent << spec.fraction_bits) + interpolate(spec.logarithm, fraction)


def reciprocal(spec: ReciprocalSpec, n: ArrayLike) -> RowScale:
    """Row scale ``1 / n`` of integers ``n >= 0``; that of 0 is 0 (a fully masked row)."""
    n = np.asarray(n).astype(np.int64)
    power = logarithm(spec, np.maximum(n, 1))
    mantissa = interpolate(spec.power, power & ((1 << spec.fraction_bits) - 1))
    exponent = -(power >> spec.fraction_bits) - spec.mantissa_bits
    return RowScale(np.where(n > 0, mantissa, 0), exponent)
