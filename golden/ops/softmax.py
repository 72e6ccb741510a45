"""Softmax of whole rows: ``P = 2**(x - max - log2(sum 2**(x - max)))``, no divider.

Scores are base-2 logarithms with ``exponential.fraction_bits`` fraction bits; P is a code of
``output``. Error against the exactly rounded softmax of the same scores: 1 code for 8 and 12 bits.
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, integer_range, round_shift
from golden.operator_spec import SoftmaxSpec
from golden.ops.exponential import exponential
from golden.ops.reciprocal import logarithm


def softmax(spec: SoftmaxSpec, x: ArrayLike, mask: ArrayLike | None = None) -> Integers:
    """``(..., T) -> (..., T)``; ``mask`` is true where a key counts; no keys give zeros."""
    x = np.asarray(x).astype(np.int64)
    allowed = np.broadcast_to(True if mask is None else np.asarray(mask), x.shape)
    lowest, _ = integer_range(spec.score_bits)
    largest = np.where(allowed, x, lowest).max(axis=-1, keepdims=True)  # (..., 1)
    distance = np.maximum(largest - x, 0)
    total = np.where(allowed, exponential(spec.exponential, distance), 0).sum(-1, keepdims=True)
    # log2 of the sum, the largest term being 1, with the fraction bits of the output's exponent.
    power = logarithm(spec.reciprocal, np.maximum(total, spec.exponential.unit))
    power = power - logarithm(spec.reciprocal, spec.exponential.unit)
    power = round_shift(power, spec.reciprocal.fraction_bits - spec.output.fraction_bits)
    finer = spec.output.fraction_bits - spec.exponential.fraction_bits
    normalised = (distance << finer) + power
    return np.where(allowed, exponential(spec.output, normalised), 0)
