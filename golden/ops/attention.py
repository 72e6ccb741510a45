"""Scores, softmax and context of all heads, in integers, walking the keys block by block.

Letters: N queries, T keys, H heads, d head width, B a block of keys.

1. Q becomes codes per token and head, K and V codes per head (static scales).
2. Scores, probabilities and context of the codes: ``golden.ops.attend``; with a softmax of whole
   rows ``golden.ops.attend_rows``.

Error against real attention of the same codes: 1 output integer plus, of the largest value,
``2**-8`` (scores and tables) and ``(1.1 * T + blocks) / sum`` (P' and old sums are integers);
the sum is at least ``2**(probability_bits - 1)``.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, RowScale, quantize_within
from golden.operator_spec import AttentionSpec
from golden.ops.attend import attend
from golden.ops.attend_rows import attend_rows
from golden.ops.quantize import quantize, unit_rows
from golden.spec import RowScaleSpec


class AttentionSteps(NamedTuple):
    """Everything that one attention computes; ``output`` is its result."""

    query: Integers  # (H, N, d) codes
    query_scale: RowScale  # (H, N)
    key: Integers  # (H, T, d) codes
    value: Integers  # (H, T, d) codes
    score_scale: RowScale  # (H, N), the head's multiplier in it
    scores: Integers  # (H, N, T)
    probabilities: list[Integers]  # P' of each block, (H, N, B)
    context_scale: RowScale  # (H, N), the head's multiplier in it
    context: Integers  # (H, N, d), requantised
    output: Integers  # (N, H d)


def attention(spec: AttentionSpec, *inputs: np.ndarray) -> Integers:
    """The output of ``attention_steps``: ``(N, D), (T, D), (T, D), ... -> (N, D)``."""
    return attention_steps(spec, *inputs).output


def attention_steps(
    spec: AttentionSpec,
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    key_scale: np.ndarray,
    value_scale: np.ndarray,
    score_multiplier: np.ndarray,
    context_multiplier: np.ndarray,
    exponent_offsets: np.ndarray,
    mask: np.ndarray | None = None,
) -> AttentionSteps:
    """Attention with every step kept.

    Parameters
    ----------
    query, key, value : (N, D), (T, D), (T, D)
    key_scale, value_scale : (H,)
        Largest magnitude of each head, in the tensor's integers; beyond it codes saturate.
    score_multiplier, context_multiplier : (H,)
    exponent_offsets : (2,)
        Powers of two on the row scales of the scores' and of the context's product.
    mask : (N, T) or (T,), true where the query may see the key
    """
    allowed = allowed_keys(len(query), len(key), mask, causal=spec.causal)
    q, q_scale = quantize(spec.query, split_heads(query, spec.heads), exponent_offsets[0])
    if spec.linear:
        # It stands in every score of a row, and cancels.
        q_scale = unit_rows(spec.requantize, q, exponent_offsets[0])
    k = codes_per_head(spec.operand, split_heads(key, spec.heads), key_scale)
    v = codes_per_head(spec.operand, split_heads(value, spec.heads), value_scale)

    numbers = {
        "score_multiplier": score_multiplier,
        "context_multiplier": context_multiplier,
        "context_offset": exponent_offsets[1],
    }
    if spec.softmax is None:
        steps = attend(spec, q, q_scale, k, v, allowed, **numbers)
    else:
        steps = attend_rows(spec, q, q_scale, k, v, mask, **numbers)
    return AttentionSteps(q, q_scale, k, v, *steps, merge_heads(steps.context))


def split_heads(x: np.ndarray, heads: int) -> np.ndarray:
    """``(N, H d) -> (H, N, d)``."""
    return x.reshape(len(x), heads, -1).swapaxes(0, 1)


def merge_heads(x: np.ndarray) -> np.ndarray:
    """``(H, N, d) -> (N, H d)``."""
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)


def allowed_keys(
    queries: int, keys: int, mask: ArrayLike | None, *, causal: bool = False
) -> np.ndarray:
    """(N, T): which query sees which key; the last query of a causal row sees the last key."""
    mask = np.asarray(True if mask is None else mask)
    if mask.dtype.kind != "b":
        raise ValueError(f"a mask is true where a key is seen: it must be bool, not {mask.dtype}")
    allowed = np.broadcast_to(mask, (queries, keys))
    return np.tril(allowed, keys - queries) if causal else allowed


def codes_per_head(spec: RowScaleSpec, x: np.ndarray, scale: np.ndarray) -> Integers:
    """``round(x * code_limit / scale)`` with one static scale per head, ``(H, T, d)``."""
    return quantize_within(spec, x, scale[:, None])[0]
