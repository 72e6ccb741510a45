"""``round(unit * 2**-d)``: a table for the fraction of ``d``, a shift for its integer part.

Error against ``unit * 2**-d``: at most ``1/2 + (unit * h**2 / 16 + 2**-guard_bits) * 2**-floor(d)``
with segments of length ``h = 2**-index_bits``.
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, round_shift
from golden.ops.interpolate import interpolate
from golden.table_spec import ExponentialSpec


def exponential(spec: ExponentialSpec, d: ArrayLike) -> Integers:
    """Unsigned code of ``2**-d``; ``d >= 0`` has ``fraction_bits`` fraction bits, any shape."""
    values = _all_values(spec)
    return values[np.minimum(d, len(values) - 1)]


@cache
def _all_values(spec: ExponentialSpec) -> Integers:
    """The code of every ``d`` up to the first integer whose code is zero for good."""
    d = np.arange((spec.code_bits + 2) << spec.fraction_bits)
    entry = interpolate(spec.table, d & ((1 << spec.fraction_bits) - 1))
    return round_shift(entry, spec.guard_bits + (d >> spec.fraction_bits))
