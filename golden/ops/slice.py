"""Part of a tensor, and another shape of the same integers: exact."""

import numpy as np

from golden.integer import Integers
from golden.movement_spec import ReshapeSpec, SliceSpec


def slice_rows(spec: SliceSpec, x: np.ndarray) -> Integers:
    """Indices ``start`` to ``stop - 1`` of ``axis``; negative ones count from the end."""
    index = [slice(None)] * x.ndim
    index[spec.axis] = slice(spec.start, spec.stop)
    return x[tuple(index)]


def reshape(spec: ReshapeSpec, x: np.ndarray) -> Integers:
    """The same integers in the same order; one length may be -1."""
    return x.reshape(spec.shape)
