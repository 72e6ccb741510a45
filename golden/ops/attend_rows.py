"""Attention of codes by a softmax of whole rows, in integers: two products with keys and values.

Letters: H heads, N queries, T keys, d head width, D width of the values.

1. Scores: x = requantise(Q K^T), INT16, base-2 logarithms; the head's multiplier is that of every
   column. ``spec.linear`` scores become logarithms by a table, ``log2(1 + x)``.
2. Probabilities: P = softmax(x) of each row, unsigned codes of ``spec.softmax.unit``. A key behind
   a causal query counts for nothing; one that the mask hides has the lowest score there is, so that
   a row without keys is the mean of all.
3. Context: requantise(P V), every row's scale a power of two.

Error against real attention of the same codes: 1 output integer plus, of the largest value, 1 code
of P for every key that is seen.
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import RowScale, integer_range, matmul, requantize
from golden.operator_spec import AttentionSpec
from golden.ops.attend import AttendSteps
from golden.ops.interpolate import interpolate
from golden.ops.quantize import unit_rows
from golden.ops.softmax import softmax


def attend_rows(
    spec: AttentionSpec,
    query: np.ndarray,
    query_scale: RowScale,
    key: np.ndarray,
    value: np.ndarray,
    mask: ArrayLike | None,
    *,
    score_multiplier: np.ndarray,
    context_multiplier: np.ndarray,
    context_offset: ArrayLike,
) -> AttendSteps:
    """``(H, N, d), (H, T, d), (H, T, D) -> (H, N, D)``.

    Parameters
    ----------
    query, key, value : codes
    query_scale : two of (H, N)
    mask : (N, T) or (T,), true where the query may see the key
    score_multiplier, context_multiplier : (H,)
    context_offset : ()
    """
    if spec.softmax is None:
        raise ValueError("attention of whole rows needs a softmax, not None")
    numbers = spec.requantize
    lowest, _ = integer_range(numbers.output_bits)
    product = matmul(query, key.swapaxes(-1, -2))  # (H, N, d) x (H, d, T) -> (H, N, T)
    x = requantize(numbers, product, score_multiplier[:, None, None], 0, query_scale)
    if spec.linear:
        x = interpolate(spec.logarithm, x)
    x = np.where(True if mask is None else np.asarray(mask), x, lowest)
    queries, keys = x.shape[1:]
    seen = np.tril(np.ones((queries, keys), bool), keys - queries) if spec.causal else None

    p = softmax(spec.softmax, x, seen)
    scale = unit_rows(numbers, p, context_offset)
    context = requantize(numbers, matmul(p, value), context_multiplier[:, None, None], 0, scale)
    return AttendSteps(query_scale, x, [p], scale, context)
