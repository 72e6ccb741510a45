"""A function by table: ``y = t[k] + round((t[k+1] - t[k]) * r / 2**remainder_bits)``.

``k`` and ``r`` are the upper and lower bits of the input above the smallest one.

Error against the function, in output integers, inside the output's range and for segments of length
h: ``output_unit * h**2 / 8 * max|f''| + 1`` (straight line; rounding of entries and line).
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, integer_range, round_shift, saturate
from golden.table_spec import TableSpec
from golden.tables import function_table


def interpolate(spec: TableSpec, x: ArrayLike) -> Integers:
    """Value of ``spec.function`` at each integer of ``x``, any shape."""
    low, _ = integer_range(spec.input_bits, spec.input_signed)
    return _all_values(spec)[np.asarray(x) - low]


@cache
def _all_values(spec: TableSpec) -> Integers:
    """The result for every input integer: the same numbers as line by line, read faster."""
    table = function_table(spec)
    position = np.arange(1 << spec.input_bits)
    index = position >> spec.remainder_bits
    remainder = position & ((1 << spec.remainder_bits) - 1)
    rise = table[index + 1] - table[index]
    y = table[index] + round_shift(rise * remainder, spec.remainder_bits)
    return saturate(y, spec.output_bits, spec.output_signed)
