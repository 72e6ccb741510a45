"""``x + y`` of two tensors that share a scale: exact, or saturated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, saturate
from golden.spec import require_range


@dataclass(frozen=True, kw_only=True)
class ResidualAddSpec:
    """Width of both addends and of the sum."""

    bits: int = 16

    def __post_init__(self) -> None:
        require_range("bits", self.bits, 2, 32)


def residual_add(spec: ResidualAddSpec, x: ArrayLike, y: ArrayLike) -> Integers:
    """Saturating sum of two arrays of one shape."""
    return saturate(np.asarray(x).astype(np.int64) + np.asarray(y), spec.bits)
