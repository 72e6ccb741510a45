"""The project's one rounding, one saturation, one range; and what is built of nothing else.

Rounding is half up, ``floor(x + 1/2)``. Saturation is to the two's-complement range.
Legend: N rows (tokens), K depth, M columns (output channels).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golden.spec import RequantizeSpec, RowScaleSpec
from golden.tables import reciprocal_fraction_bits, reciprocal_table

Integers = NDArray[np.integer]


class RowScale(NamedTuple):
    """What one code of a row is worth: ``mantissa * 2**exponent`` of the tensor's units."""

    mantissa: Integers
    exponent: Integers


def integer_range(bits: int, signed: bool = True) -> tuple[int, int]:
    """Smallest and largest integer of ``bits`` bits."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def saturate(x: ArrayLike, bits: int, signed: bool = True) -> Integers:
    """Clip to the range of ``bits`` bits."""
    return np.clip(x, *integer_range(bits, signed))


def round_shift(x: ArrayLike, shift: ArrayLike) -> Integers:
    """``floor(x / 2**shift + 1/2)``; a shift of zero leaves ``x``."""
    x, shift = np.asarray(x), np.asarray(shift)
    half = np.where(shift > 0, np.left_shift(1, np.maximum(shift, 1) - 1), 0)
    return (x + half) >> shift


def wide(x: ArrayLike, bits: int) -> np.ndarray:
    """``x`` as int64, or as Python integers where ``bits`` bits do not fit."""
    return np.asarray(x).astype(np.int64 if bits <= 63 else object)


def requantize(
    spec: RequantizeSpec,
    accumulator: ArrayLike,
    multiplier: ArrayLike,
    bias: ArrayLike,
    row_scale: RowScale,
) -> Integers:
    """``o = saturate(floor(a * m * s * 2**(e - shift) + b * 2**-bias_fraction_bits + 1/2))``.

    Parameters
    ----------
    accumulator : (N, M)
    multiplier, bias : (M,)
    row_scale : two of (N,)
    """
    # int64 where the numbers at hand leave it room, whatever the spec would allow.
    largest = _largest(accumulator) * _largest(multiplier) * _largest(row_scale.mantissa)
    bits = max(largest.bit_length() + 1, spec.bias_bits) + 2
    mantissa = wide(row_scale.mantissa, bits)[..., None]  # (N, 1)
    exponent = wide(row_scale.exponent, bits)[..., None]
    product = wide(accumulator, bits) * (wide(multiplier, bits) * mantissa)  # (N, M)
    # Cutting below the bias's own fraction first rounds nothing: floor(floor(a) + n) = floor(a + n)
    cut = np.minimum(spec.shift - exponent - spec.bias_fraction_bits, spec.product_bits)
    cut = product >> cut if bits > 63 else product >> np.minimum(cut, 63)
    rounded = round_shift(cut + wide(bias, bits), spec.bias_fraction_bits)
    return saturate(rounded, spec.output_bits).astype(np.int64)


def quantize_rows(spec: RowScaleSpec, x: ArrayLike) -> tuple[Integers, RowScale]:
    """Codes of each row and what one code is worth.

    ``codes = round(x * code_limit / m)`` with ``m`` the row's largest magnitude, rounded up to
    ``index_bits`` significant bits; ``row_scale = m`` (the constant ``1 / code_limit`` belongs to
    the next product's channel multipliers). A row of zeros has codes 0 and the smallest scale.

    Parameters
    ----------
    x : (..., K)
        Integers of ``input_bits`` bits.

    Returns
    -------
    codes : (..., K), within ``+-code_limit``
    row_scale : mantissa of ``mantissa_bits`` bits with its top bit set, and exponent; each (...)
    """
    x = np.asarray(x).astype(np.int64)  # (..., K)
    if spec.static_scale is None:
        return quantize_within(spec, x, np.maximum(np.abs(x).max(axis=-1), 1))
    return quantize_within(spec, x, np.full(x.shape[:-1], spec.static_scale, np.int64))


def quantize_within(
    spec: RowScaleSpec, x: ArrayLike, largest: ArrayLike
) -> tuple[Integers, RowScale]:
    """``quantize_rows`` with the largest magnitude of every row given, at least 1, ``(...)``.

    What lies beyond it has the largest code.
    """
    x, largest = np.asarray(x).astype(np.int64), np.asarray(largest).astype(np.int64)
    # Normalise: index_bits significant bits, rounded up, so that index = 2**(index_bits-1) + entry.
    length = bit_length(largest)
    drop = length - spec.index_bits
    index = np.where(
        drop > 0,
        -((-largest) >> np.maximum(drop, 0)),
        largest << np.maximum(-drop, 0),
    )
    reciprocal = reciprocal_table(spec)[index - (1 << (spec.index_bits - 1))]
    fraction = reciprocal_fraction_bits(spec) + drop
    codes = round_shift(x * reciprocal[..., None], fraction[..., None])
    codes = np.clip(codes, -spec.code_limit, spec.code_limit)
    # The largest index, 2**index_bits, is worth one exponent more.
    carry = index >> spec.index_bits
    mantissa = (index >> carry) << (spec.mantissa_bits - spec.index_bits)
    exponent = drop + carry - (spec.mantissa_bits - spec.index_bits)
    return codes, RowScale(mantissa, exponent)


def bit_length(x: ArrayLike) -> Integers:
    """Number of bits of a non-negative integer without leading zeros; 0 has none."""
    # frexp is exact below 2**53: x = f * 2**e with 1/2 <= f < 1.
    return np.frexp(np.asarray(x).astype(np.float64))[1].astype(np.int64)


def effective_bits(x: ArrayLike, encoding: str = "twos_complement") -> Integers:
    """Effective bitwidth: bits left when redundant leading bits are removed; 0 for zero.

    In "twos_complement" the sign bit counts, so -1 has 1 bit, 1 has 2 and -128 has 8; unsigned
    values above 127 have 9. In "sign_magnitude" the sign is apart: the bit length of ``|x|``.
    """
    x = np.asarray(x).astype(np.int64)
    if encoding == "sign_magnitude":
        return bit_length(np.abs(x))
    if encoding == "twos_complement":
        return np.where(x == 0, 0, bit_length(np.where(x < 0, ~x, x)) + 1)
    raise ValueError(f"encoding must be 'twos_complement' or 'sign_magnitude', not {encoding!r}")


def set_bits(x: ArrayLike) -> Integers:
    """Number of ones in ``|x|``."""
    return np.bitwise_count(np.abs(np.asarray(x).astype(np.int64))).astype(np.int64)


def matmul(x: ArrayLike, w: ArrayLike) -> Integers:
    """Exact integer product, ``(..., N, K) @ (..., K, M)``, as int64.

    Runs in float BLAS where no partial sum can leave the float's exact integers: float32 while
    ``K * max|x| * max|w| <= 2**24``, float64 below ``2**53``; in int64 otherwise.
    """
    x, w = np.asarray(x), np.asarray(w)
    largest = x.shape[-1] * _largest(x) * _largest(w)
    if largest <= 1 << 24:
        return np.rint(x.astype(np.float32) @ w.astype(np.float32)).astype(np.int64)
    if largest < 1 << 53:
        return np.rint(x.astype(np.float64) @ w.astype(np.float64)).astype(np.int64)
    return x.astype(np.int64) @ w.astype(np.int64)


def _largest(x: ArrayLike) -> int:
    x = np.asarray(x)
    return max(int(x.max()), -int(x.min())) if x.size else 0
