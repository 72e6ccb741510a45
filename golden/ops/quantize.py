"""Codes for the operand of a product, row by row, with the row scale moved by a power of two.

The offset lets the products that read the codes use all bits of their channel multipliers.
Error: the value of a code is within ``0.51 * row_scale / code_limit`` of ``x``.
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, RowScale, quantize_rows
from golden.spec import RowScaleSpec


def quantize(
    spec: RowScaleSpec, x: ArrayLike, exponent_offset: ArrayLike
) -> tuple[Integers, RowScale]:
    """``quantize_rows`` with an offset on the row scales: ``(..., K) -> (..., K), (...)``."""
    codes, row_scale = quantize_rows(spec, x)
    return codes, move_exponent(row_scale, exponent_offset)


def move_exponent(row_scale: RowScale, offset: ArrayLike) -> RowScale:
    """``row_scale * 2**offset``."""
    return RowScale(row_scale.mantissa, row_scale.exponent + np.asarray(offset, np.int64))


def unit_rows(x: np.ndarray, offset: ArrayLike) -> RowScale:
    """The row scale ``2**offset`` for every row of ``x``, where no row has a scale of its own."""
    mantissa = np.full(x.shape[:-1], 1 << 15, np.int64)
    return move_exponent(RowScale(mantissa, np.full_like(mantissa, -15)), offset)
