"""Codes for the operand of a product, row by row, with the row scale moved by a power of two.

The offset lets the products that read the codes use all bits of their channel multipliers.
Error: the value of a code is within ``0.51 * row_scale / code_limit`` of ``x``.
"""

import numpy as np
from numpy.typing import ArrayLike

from golden.integer import Integers, RowScale, integer_range, quantize_rows, round_shift
from golden.spec import RequantizeSpec, RowScaleSpec, require_range

HEAD_MULTIPLIER = 1 << 15
"""What is left as a channel's multiplier where the row scale has taken the head's."""


def quantize(
    spec: RowScaleSpec, x: ArrayLike, exponent_offset: ArrayLike
) -> tuple[Integers, RowScale]:
    """``quantize_rows`` with an offset on the row scales: ``(..., K) -> (..., K), (...)``."""
    codes, row_scale = quantize_rows(spec, x)
    return codes, move_exponent(row_scale, exponent_offset)


def move_exponent(row_scale: RowScale, offset: ArrayLike) -> RowScale:
    """``row_scale * 2**offset``."""
    return RowScale(row_scale.mantissa, row_scale.exponent + np.asarray(offset, np.int64))


def unit_rows(spec: RequantizeSpec, x: np.ndarray, offset: ArrayLike) -> RowScale:
    """The row scale ``2**offset`` for every row of ``x``, where no row has a scale of its own.

    Raise ``ValueError`` for an ``offset`` that is no exponent of ``spec``.
    """
    for exponent in np.unique(offset):
        require_range("exponent_offset", int(exponent), *spec.exponent_range)
    mantissa = np.ones(x.shape[:-1], np.int64)
    return move_exponent(RowScale(mantissa, np.zeros_like(mantissa)), offset)


def head_scale(spec: RequantizeSpec, multiplier: ArrayLike, row_scale: RowScale) -> RowScale:
    """``multiplier * row_scale / HEAD_MULTIPLIER``: the scale of a head with one multiplier.

    The mantissa is rounded to 16 bits: ``2**-15`` relative where both operands use theirs. So a
    requantizer of such rows multiplies once. The exponent is cut where every code saturates.
    """
    mantissa = round_shift(row_scale.mantissa * np.asarray(multiplier, np.int64), 16)
    lowest, _ = integer_range(spec.exponent_bits)
    exponent = np.clip(row_scale.exponent + 1, lowest, spec.shift - 16)
    return RowScale(mantissa, exponent)
