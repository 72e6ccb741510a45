"""The k largest of each row, in order; of equals the lower index comes first: exact."""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers
from golden.operator_spec import TopKSpec


def top_k(spec: TopKSpec, x: ArrayLike) -> tuple[Integers, Integers]:
    """``(..., T) -> (..., k), (..., k)``: values and indices, one maximum after the other."""
    x = np.asarray(x).astype(np.int64)
    if spec.k > x.shape[-1]:
        raise ValueError(f"k of {spec.k} is more than the {x.shape[-1]} values of a row: lower it")
    # As the max-finder does: the largest value, its lowest index, and then without it.
    remaining = np.ones(x.shape, bool)
    values, indices = [], []
    for _ in range(spec.k):
        largest = np.where(remaining, x, x.min()).max(axis=-1, keepdims=True)
        index = ((x == largest) & remaining).argmax(axis=-1)[..., None]
        np.put_along_axis(remaining, index, False, -1)
        values.append(largest)
        indices.append(index)
    return np.concatenate(values, -1), np.concatenate(indices, -1)
