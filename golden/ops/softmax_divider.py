"""Softmax by division, the form that ``softmax`` is compared with: a reciprocal for every row.

With ``e`` the exponent of the sum and ``kept_bits = output_bits + 2``, all rounded half up:
``P = round(cut * R * 2**-(output_bits + 4 + e - term_bits))``,
``R = round(unit * 2**(2 + e) / sum)``; ``cut`` is a term with ``kept_bits`` bits.
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, bit_length, round_shift
from golden.operator_spec import SoftmaxSpec
from golden.ops.softmax import distances, terms


def softmax_divider(spec: SoftmaxSpec, x: ArrayLike, mask: ArrayLike | None = None) -> Integers:
    """``(..., T) -> (..., T)``; ``mask`` is true where a key counts; no keys give zeros."""
    each = terms(spec, *distances(spec, x, mask))
    total = np.maximum(each.sum(axis=-1, keepdims=True), 1)
    exponent = bit_length(total) - 1
    reciprocal = ((spec.unit << (3 + exponent)) + total) // (2 * total)
    cut = round_shift(each, spec.term_bits - spec.kept_bits)
    shift = spec.kept_bits + 2 + exponent - spec.term_bits
    return round_shift(cut * reciprocal, np.maximum(shift, 0))
