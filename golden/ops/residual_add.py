"""``x + y`` of two tensors that share a scale: exact, or saturated."""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, saturate
from golden.operator_spec import ResidualAddSpec


def residual_add(spec: ResidualAddSpec, x: ArrayLike, y: ArrayLike) -> Integers:
    """Saturating sum of two arrays of one shape."""
    return saturate(np.asarray(x).astype(np.int64) + np.asarray(y), spec.bits)
