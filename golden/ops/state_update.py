"""What an RNN, GRU or LSTM does with its states after the products, element by element.

Gates r, z, i, f, o and the candidate have 15 fraction bits; so has h. Each result is rounded once.
Error of each: 1/2 of an integer, or saturated.
"""

import numpy as np

from golden.integer import Integers, round_shift, saturate
from golden.operator_spec import RecurrentSpec

ONE_BITS = 15


def multiply(x: np.ndarray, y: np.ndarray) -> Integers:
    """``x * y`` where ``y`` has 15 fraction bits: a gate on a state, or r on a product."""
    return saturate(round_shift(x * y, ONE_BITS), 16)


def gru_update(z: np.ndarray, h: np.ndarray, candidate: np.ndarray) -> Integers:
    """``h' = z * h + (1 - z) * candidate``."""
    return saturate(round_shift(z * h + ((1 << ONE_BITS) - z) * candidate, ONE_BITS), 16)


def cell_update(
    spec: RecurrentSpec, c: np.ndarray, i: np.ndarray, f: np.ndarray, candidate: np.ndarray
) -> Integers:
    """``c' = f * c + i * candidate``; c has ``cell_fraction_bits``."""
    finer = ONE_BITS - spec.cell_fraction_bits
    total = ((f * c) << finer) + i * candidate
    return saturate(round_shift(total, 2 * ONE_BITS - spec.cell_fraction_bits), 16)
