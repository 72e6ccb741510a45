"""Softmax and context of scores, walking the keys block by block, in integers.

Letters: N queries, T keys, H heads, d head width, B a block of keys. For each block, in order:

    m' = max(m, max(x_B)), f = 2**-(m' - m), P'_B = round(unit * 2**-(m' - x_B)),
    sum = round(sum * f) + sum(P'_B), context = round(context * f) + P'_B V_B.
"""

from typing import NamedTuple

import numpy as np

from golden.integer import Integers, integer_range, matmul, round_shift
from golden.operator_spec import AttentionSpec
from golden.ops.exponential import exponential
from golden.ops.interpolate import interpolate

MOST_PLACES = 48


class KeyWalk(NamedTuple):
    """What the walk leaves: codes of each block, their sum, the context not yet divided by it."""

    probabilities: list[Integers]  # P' of each block, (H, N, B)
    total: Integers  # (H, N)
    context: Integers  # (H, N, d)


def walk_keys(
    spec: AttentionSpec, scores: Integers, allowed: np.ndarray, value: Integers
) -> KeyWalk:
    """``(H, N, T), (N, T), (H, T, d)``: ``allowed`` is true where a query sees a key."""
    lowest, _ = integer_range(spec.requantize.output_bits)
    heads, queries, keys = scores.shape
    largest = np.full((heads, queries, 1), lowest)
    total = np.zeros((heads, queries, 1), np.int64)
    context = np.zeros((heads, queries, value.shape[-1]), np.int64)
    blocks = []
    for start in range(0, keys, spec.key_block):
        block = slice(start, start + spec.key_block)
        seen = allowed[:, block]
        candidates = np.where(seen, scores[..., block], lowest)
        new_largest = np.maximum(largest, candidates.max(axis=-1, keepdims=True))
        rise = new_largest - largest
        p = np.where(seen, exponential(spec.exponential, new_largest - candidates), 0)
        total = _rescale(spec, total, rise) + p.sum(axis=-1, keepdims=True)
        context = _rescale(spec, context, rise) + matmul(p, value[:, block])
        largest = new_largest
        blocks.append(p)
    return KeyWalk(blocks, total[..., 0], context)


def _rescale(spec: AttentionSpec, x: Integers, rise: Integers) -> Integers:
    """``round(x * 2**-rise)``: what was summed below an older, smaller maximum.

    The fraction of ``rise`` goes through a table of ``factor_bits + 1`` bits, its integer part
    shifts: ``2**-factor_bits`` relative, the same for a context and for its sum.
    """
    fraction_bits = spec.exponential.fraction_bits
    factor = interpolate(spec.factor, rise & ((1 << fraction_bits) - 1))
    # Beyond so many places nothing is left of 32 bits.
    places = np.minimum(rise >> fraction_bits, MOST_PLACES)
    return round_shift(x * factor, spec.factor_bits + places)
