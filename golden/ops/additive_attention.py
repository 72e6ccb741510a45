"""Additive attention, in integers: ``softmax_t(energy . tanh(query + key_t)) V``.

Letters: N queries, T keys, A width of the comparison, D width of the values.

1. u = tanh(query + key), saturating sum and table: INT16 with 15 fraction bits.
2. Scores, probabilities and context: ``golden.ops.attend`` of the one query ``energy``, whose row
   scale is that of the codes of u, over keys that are those codes.

Error against real additive attention of the same codes of energy and V: ``golden.ops.attention``'s,
plus, of the largest value, ``2 * (exp(2 e) - 1)`` with ``e = sum(|energy|) * 0.0041``: what codes
of u, 0.51 / 127 off at most, and its table put into a score.
"""

import numpy as np

from golden.integer import Integers, saturate
from golden.operator_spec import AdditiveAttentionSpec
from golden.ops.attend import attend
from golden.ops.attention import allowed_keys, codes_per_head
from golden.ops.interpolate import interpolate
from golden.ops.quantize import quantize


def additive_attention(
    spec: AdditiveAttentionSpec,
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    energy: np.ndarray,
    value_scale: np.ndarray,
    score_multiplier: np.ndarray,
    context_multiplier: np.ndarray,
    exponent_offsets: np.ndarray,
    mask: np.ndarray | None = None,
) -> Integers:
    """``(N, A), (T, A), (T, D) -> (N, D)``.

    Parameters
    ----------
    query, key : (N, A), (T, A)
        Of one scale, with ``fraction_bits`` fraction bits.
    energy : (A,), codes of 8 bits
    value_scale, score_multiplier, context_multiplier : (1,)
    exponent_offsets : (2,)
        Powers of two on the row scales of the scores' and of the context's product.
    mask : (T,), true where a key counts
    """
    walk = spec.attention
    allowed = allowed_keys(len(query), len(key), mask)
    v = codes_per_head(walk.operand, value[None], value_scale)  # (1, T, D)
    u = interpolate(spec.tanh, saturate(query[:, None] + key, 16))  # (N, T, A)
    codes, _ = quantize(spec.comparison, u, 0)
    # The scale is static: any row tells it.
    _, scale = quantize(spec.comparison, np.zeros((1, 1, 1), np.int64), exponent_offsets[0])
    # Every query has keys of its own, as if it were a head.
    steps = attend(
        *(walk, energy[None, None], scale, codes, v, allowed[:, None]),
        score_multiplier=score_multiplier,
        context_multiplier=context_multiplier,
        context_offset=exponent_offsets[1],
    )
    return steps.context[:, 0]
