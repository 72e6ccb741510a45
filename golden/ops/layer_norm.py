"""``o = (x - mean) / sqrt(variance) * gain + bias`` of each row, in integers.

Letters: N rows, D width, f = ``mean_fraction_bits``.

1. mean = round(sum(x) * 2**f * (1 / D)), with f fraction bits.
2. deviation c = x * 2**f - mean.
3. V = sum(c**2) + epsilon = D * variance * 4**f; its reciprocal root is the row's scale.
4. o = requantise(c * sign(multiplier), |multiplier|, bias, scale); multiplier: gain * sqrt(D).

Error against the real layer norm of the same integers: 1 output integer plus ``3 * 2**-13`` of the
result without its bias, plus ``2**-f`` of an input integer through the gain.
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, requantize, round_shift
from golden.operator_spec import LayerNormSpec
from golden.ops.quantize import move_exponent
from golden.ops.reciprocal_root import reciprocal_root


def layer_norm(
    spec: LayerNormSpec,
    x: ArrayLike,
    multiplier: np.ndarray,
    bias: ArrayLike,
    epsilon: ArrayLike,
    exponent_offset: ArrayLike,
) -> Integers:
    """``(N, D) -> (N, D)``; ``multiplier`` (signed) and ``bias`` of ``(D,)``; a row without spread
    gives its bias.
    """
    x = np.asarray(x).astype(np.int64)
    total = x.sum(axis=-1, keepdims=True)  # (N, 1)
    mean = round_shift(
        total * spec.reciprocal_width, spec.reciprocal_fraction_bits - spec.mean_fraction_bits
    )
    c = (x << spec.mean_fraction_bits) - mean  # (N, D)
    spread = np.maximum((c * c).sum(axis=-1) + epsilon, 1)  # (N,)
    scale = reciprocal_root(spec.root, spread)
    scale = move_exponent(scale, exponent_offset)
    signed = c * np.sign(multiplier)
    return requantize(spec.requantize, signed, np.abs(multiplier), bias, scale)
