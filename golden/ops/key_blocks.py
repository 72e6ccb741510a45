"""Softmax and context of scores, walking the keys block by block, in integers.

Letters: N queries, T keys, H heads, d head width, B a block of keys. For each block, in order:

    m' = max(m, floor(max(x_B)) + 1), P'_B = round(2**bits * 2**-(m' - x_B)),
    sum = round(sum * 2**-(m' - m)) + sum(P'_B),
    context = round(context * 2**-(m' - m)) + P'_B V_B.

m is a whole power of two above every score so far: P' fits its bits, and what was summed before is
only shifted. Source: Softermax (Stevens et al., DAC 2021), which rounds the running maximum.
"""

from typing import NamedTuple

import numpy as np

from golden.integer import Integers, integer_range, matmul, round_shift
from golden.operator_spec import AttentionSpec
from golden.ops.exponential import exponential

MOST_PLACES = 48


class KeyWalk(NamedTuple):
    """What the walk leaves: codes of each block, their sum, the context not yet divided by it."""

    probabilities: list[Integers]  # P' of each block, (H, N, B)
    total: Integers  # (H, N)
    context: Integers  # (H, N, d)


def walk_keys(
    spec: AttentionSpec, scores: Integers, allowed: np.ndarray, value: Integers
) -> KeyWalk:
    """``(H, N, T), (N, T) or (H, N, T), (H, T, d)``: a query sees a key where ``allowed``."""
    lowest, _ = integer_range(spec.requantize.output_bits)
    fraction_bits = spec.score_fraction_bits
    heads, queries, keys = scores.shape
    above = np.full((heads, queries, 1), lowest >> fraction_bits)  # m, a whole number
    total = np.zeros((heads, queries, 1), np.int64)
    context = np.zeros((heads, queries, value.shape[-1]), np.int64)
    blocks = []
    for start in range(0, keys, spec.key_block):
        block = slice(start, start + spec.key_block)
        seen = allowed[..., block]
        candidates = np.where(seen, scores[..., block], lowest)
        largest = candidates.max(axis=-1, keepdims=True)
        new_above = np.maximum(above, (largest >> fraction_bits) + 1)
        distance = (new_above << fraction_bits) - candidates
        p = np.where(seen, exponential(spec.exponential, distance), 0)
        # Beyond so many places nothing is left.
        places = np.minimum(new_above - above, MOST_PLACES)
        total = round_shift(total, places) + p.sum(axis=-1, keepdims=True)
        context = round_shift(context, places) + matmul(p, value[:, block])
        above = new_above
        blocks.append(p)
    return KeyWalk(blocks, total[..., 0], context)
