"""``o = x W + b``: a product of codes, requantised once by channel multiplier and row scale.

Error against the product of the codes' real values: 1/2 of an output integer, plus
``2**-16`` relative of a multiplier that uses its 16 bits, plus ``2**-9`` for the bias.
"""

from numpy.typing import ArrayLike

from golden.integer import Integers, RowScale, matmul, requantize
from golden.spec import RequantizeSpec


def linear(
    spec: RequantizeSpec,
    x: ArrayLike,
    row_scale: RowScale,
    weight: ArrayLike,
    multiplier: ArrayLike,
    bias: ArrayLike,
) -> Integers:
    """``(..., N, K) x (K, M) -> (..., N, M)``; ``multiplier`` and ``bias`` are of ``(M,)``.

    ``weight`` may as well be an activation, ``(..., K, M)``: the product of two activations.
    """
    return requantize(spec, matmul(x, weight), multiplier, bias, row_scale)
