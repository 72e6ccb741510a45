"""``2**-d`` by a straight line and a small table, no product: Mitchell's antilogarithm, corrected.

Between two powers of two ``2**v = 1 + v - excess(v)``; the excess is at most 0.0861.
Source: Mitchell, "Computer multiplication and division using binary logarithms", 1962.
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, round_shift
from golden.table_spec import AntilogarithmSpec
from golden.tables import excess_table


def antilogarithm(spec: AntilogarithmSpec, bits: int, y: ArrayLike) -> Integers:
    """``round(2**(bits - d))`` with ``d = (y + 1) * 2**-fraction_bits``, for integers ``y >= 0``.

    Codes fit in ``bits >= fraction_bits`` bits, since ``d`` is above 0, and never rise with ``d``.
    Error at most ``1/2 + 0.7 * 2**(bits - fraction_bits - ceil(d))``: half for the entry, 0.2 for
    the two inputs that share it.
    """
    y = np.minimum(np.asarray(y).astype(np.int64), (bits + 2) << spec.fraction_bits)
    one = 1 << spec.fraction_bits
    v = ~y & (one - 1)  # how far d is below the next integer
    mantissa = one + v - excess_table(spec)[v >> spec.remainder_bits]
    return round_shift(mantissa << bits, spec.fraction_bits + 1 + (y >> spec.fraction_bits))
