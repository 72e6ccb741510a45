"""``1 / sqrt(n)`` as a row scale: ``n = w * 4**j`` with ``1 <= w < 4``, and a table for ``w``.

Relative error at most ``2**-fraction_bits / 2 + h**2 * 3 / 32 * 2 + 2**(1 - mantissa_bits)`` with
segments of length ``h = 2**(2 - index_bits)``.
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import RowScale, bit_length
from golden.ops.interpolate import interpolate
from golden.table_spec import ReciprocalRootSpec


def reciprocal_root(spec: ReciprocalRootSpec, n: ArrayLike) -> RowScale:
    """Row scale ``1 / sqrt(n)`` of integers ``1 <= n < 2**53``."""
    n = np.asarray(n).astype(np.int64)
    j = (bit_length(n) - 1) >> 1  # n = w * 4**j
    drop = 2 * j - spec.fraction_bits
    w = (n >> np.maximum(drop, 0)) << np.maximum(-drop, 0)
    return RowScale(interpolate(spec.table, w), -j - spec.mantissa_bits)
