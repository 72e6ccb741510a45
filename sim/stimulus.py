"""Integers for benches: every magnitude, the extremes, and rows that a uniform draw never makes.

A uniform draw is nearly always large: it saturates whatever follows and hides how it rounds.
"""

import numpy as np
from numpy.typing import NDArray

from golden.integer import integer_range

Integers = NDArray[np.int64]


def magnitudes(
    rng: np.random.Generator, bits: int, shape: int | tuple[int, ...], signed: bool = True
) -> Integers:
    """Integers of ``bits`` bits, every magnitude as likely as the next, some of them extreme."""
    low, high = integer_range(bits, signed)
    values = rng.integers(low, high, shape, endpoint=True) >> rng.integers(0, bits, shape)
    # Rounding to either end is a case of its own; so is the value next to zero.
    ends = np.unique(np.clip([low, high, 0, 1, -1], low, high))
    extremes = rng.choice(ends, shape)
    return np.where(rng.random(shape) < 1 / 16, extremes, values)


def rows(
    rng: np.random.Generator, bits: int, count: int, lanes: int, signed: bool = True
) -> Integers:
    """``count`` rows of ``lanes`` integers: (count, lanes).

    Most have every magnitude; the others are all zero, all least, all largest, alternating
    extremes, one lane alone, one lane among extremes, or all of one magnitude. The order is random.
    """
    low, high = integer_range(bits, signed)
    values = magnitudes(rng, bits, (count, lanes), signed)
    kinds = rng.choice(9, count, p=[0.45, 0.05, 0.05, 0.05, 0.05, 0.1, 0.1, 0.1, 0.05])
    lane = np.arange(lanes)
    alone = lane == rng.integers(0, lanes, (count, 1))
    shift = rng.integers(0, bits, (count, 1))
    choices = {
        1: np.zeros_like(values),
        2: np.full_like(values, low),
        3: np.full_like(values, high),
        4: np.where(lane % 2, low, high) + np.zeros_like(values),
        5: np.where(alone, values, 0),
        6: np.where(alone, rng.choice(np.array([low, high]), (count, 1)), 0),
        7: rng.integers(low, high, (count, lanes), endpoint=True) >> shift,
        8: np.where(alone, values, rng.choice(np.array([low, high]), (count, 1))),
    }
    for kind, chosen in choices.items():
        values = np.where(kinds[:, None] == kind, chosen, values)
    return values
