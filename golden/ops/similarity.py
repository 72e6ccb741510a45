"""``o = scale * x y^T``, in integers: codes per row of x, codes of y with one static scale.

Error against the product of the codes' real values: 1/2 of an output integer plus ``2**-16``
relative. Of equal codes the scores are equal, so a top-k behind it has defined ties.
"""

from dataclasses import replace

import numpy as np

from golden.integer import Integers, matmul, requantize
from golden.operator_spec import SimilaritySpec
from golden.ops.quantize import quantize


def similarity(
    spec: SimilaritySpec,
    x: np.ndarray,
    y: np.ndarray,
    y_scale: np.ndarray,
    multiplier: np.ndarray,
    exponent_offset: np.ndarray,
) -> Integers:
    """``(N, D), (M, D) -> (N, M)``; ``y_scale`` is the largest magnitude of y, in its integers."""
    codes, scale = quantize(spec.query, x, exponent_offset)
    static = replace(spec.operand, static_scale=int(y_scale))
    product = matmul(codes, quantize(static, y, 0)[0].T)  # (N, D) x (D, M) -> (N, M)
    return requantize(spec.requantize, product, multiplier, 0, scale)
