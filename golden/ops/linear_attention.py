"""Linear attention of all heads, in integers: the keys meet the values first.

Letters: N queries, T keys, H heads, d head width.

1. phi(Q) becomes codes per token and head, phi(K) and V codes per head (static scales).
2. S = phi(K)^T V (d, d) and z = sum of phi(K) (d,); causal: their sums up to each key.
3. Context: requantise(phi(Q) S) with the row scale ``1 / (phi(Q) . z)``. Both products are exact,
   so phi(Q) S equals (phi(Q) phi(K)^T) V in every bit. A query whose sum is 0 gives zeros.

Error against real linear attention of the same codes: 1/2 of an output integer plus ``2**-11``
relative (the reciprocal's tables). A row scale of phi(Q) stands above and below, and cancels.

S takes ``2 * 7 + log2(T)`` bits: 16-bit operands hold it for 4 keys at full scale, wider sums are
what the accumulators of phi(K)^T V hold anyway.
"""

import numpy as np

from golden.integer import Integers, matmul, requantize
from golden.operator_spec import LinearAttentionSpec
from golden.ops.attention import codes_per_head, merge_heads, split_heads
from golden.ops.quantize import move_exponent, quantize
from golden.ops.reciprocal import reciprocal


def linear_attention(
    spec: LinearAttentionSpec,
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    key_scale: np.ndarray,
    value_scale: np.ndarray,
    context_multiplier: np.ndarray,
    exponent_offset: np.ndarray,
    mask: np.ndarray | None = None,
) -> Integers:
    """``(N, D), (T, D), (T, D) -> (N, D)``.

    Parameters
    ----------
    query, key : (N, D), (T, D)
        After the feature map; negative integers do not occur.
    key_scale, value_scale, context_multiplier : (H,)
    mask : (T,), true where a key counts
    """
    if min(np.min(query), np.min(key)) < 0:
        raise ValueError(
            f"linear attention reads {min(np.min(query), np.min(key))}: put elu_plus_one or relu "
            f"before queries and keys"
        )
    q, _ = quantize(spec.query, split_heads(query, spec.heads), 0)  # (H, N, d)
    k = codes_per_head(spec.operand, split_heads(key, spec.heads), key_scale)  # (H, T, d)
    v = codes_per_head(spec.operand, split_heads(value, spec.heads), value_scale)
    if mask is not None:
        k = k * np.asarray(mask)[:, None]
    if spec.causal:
        last = slice(len(key) - len(query), None)
        states = np.cumsum(k[..., :, None] * v[..., None, :], axis=1)[:, last]  # (H, N, d, d)
        sums = np.cumsum(k, axis=1)[:, last]  # (H, N, d)
        context = matmul(q[..., None, :], states)[..., 0, :]  # (H, N, d)
    else:
        state = matmul(k.swapaxes(-1, -2), v)  # (H, d, T) x (H, T, d) -> (H, d, d)
        sums = k.sum(axis=1, keepdims=True)  # (H, 1, d)
        context = matmul(q, state)  # (H, N, d)
    scale = reciprocal(spec.reciprocal, (q * sums).sum(axis=-1))  # (H, N)
    scale = move_exponent(scale, exponent_offset)
    multiplier = context_multiplier[:, None, None]
    return merge_heads(requantize(spec.requantize, context, multiplier, 0, scale))
