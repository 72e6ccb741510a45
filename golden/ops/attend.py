"""Attention of codes, in integers: what is left once queries, keys and values have been quantised.

Letters: H heads, N queries, T keys, d head width, D width of the values.

1. Scores: x = requantise(Q K^T), INT16, base-2 logarithms; the head's multiplier is put into the
   row scale first.
2. Probabilities and context, one block of keys after the other: ``golden.ops.key_blocks``.
3. Context: requantise(context) with the row scale 1 / sum, the head's multiplier in it; a query
   without keys gives zeros.

Error: that of ``golden.ops.attention``, which is against real attention of the same codes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, RowScale, matmul, requantize
from golden.operator_spec import AttentionSpec
from golden.ops.key_blocks import walk_keys
from golden.ops.quantize import HEAD_MULTIPLIER, head_scale, move_exponent
from golden.ops.reciprocal import reciprocal


class AttendSteps(NamedTuple):
    """Everything that attention makes of codes; ``context`` is its result."""

    score_scale: RowScale  # (H, N), the head's multiplier in it
    scores: Integers  # (H, N, T)
    probabilities: list[Integers]  # P' of each block, (H, N, B)
    context_scale: RowScale  # (H, N), the head's multiplier in it
    context: Integers  # (H, N, D), requantised


def attend(
    spec: AttentionSpec,
    query: np.ndarray,
    query_scale: RowScale,
    key: np.ndarray,
    value: np.ndarray,
    allowed: np.ndarray,
    *,
    score_multiplier: ArrayLike,
    context_multiplier: ArrayLike,
    context_offset: ArrayLike,
) -> AttendSteps:
    """``(H, N, d), (H, T, d), (H, T, D) -> (H, N, D)``; an operand of one head serves all.

    Parameters
    ----------
    query, key, value : codes
    query_scale : two of (H, N)
    allowed : (N, T) or (H, N, T), true where a query sees a key
    score_multiplier, context_multiplier : (H,)
    context_offset : ()
        Power of two on ``1 / sum``; that of the scores is in ``query_scale``.
    """
    numbers = spec.requantize
    product = matmul(query, key.swapaxes(-1, -2))  # (H, N, d) x (H, d, T) -> (H, N, T)
    x_scale = head_scale(numbers, np.reshape(score_multiplier, (-1, 1)), query_scale)
    x = requantize(numbers, product, HEAD_MULTIPLIER, 0, x_scale)

    walk = walk_keys(spec, x, allowed, value)
    divide = move_exponent(reciprocal(spec.reciprocal, walk.total), context_offset)
    scale = head_scale(numbers, np.reshape(context_multiplier, (-1, 1)), divide)
    context = requantize(numbers, walk.context, HEAD_MULTIPLIER, 0, scale)
    return AttendSteps(x_scale, x, walk.probabilities, scale, context)
