"""From real numbers to integers: weight codes, channel multipliers, biases.

Letters: K depth, M output channels.
"""

from collections.abc import Sequence

import numpy as np

from golden.integer import integer_range
from golden.spec import RequantizeSpec

# Row exponents before an offset: what quantize_rows, unit_rows, reciprocal and reciprocal_root
# can give.
CODE_EXPONENTS = (-15, 0)
UNIT_EXPONENTS = (0, 0)
RECIPROCAL_EXPONENTS = (-40, -16)
LINEAR_ATTENTION_EXPONENTS = (-46, -16)
ROOT_EXPONENTS = (-42, -16)


def weight_codes(weight: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of ``(K, M)`` and a scale per output channel, of the least mean squared error.

    The candidates clip a channel at 0.7 to 1.0 of its largest magnitude.
    """
    limit = integer_range(bits)[1]
    largest = np.maximum(np.abs(weight).max(axis=0), 1e-30)  # (M,)
    best, best_error = largest / limit, np.full(weight.shape[1], np.inf)
    for ratio in np.linspace(1.0, 0.7, 13):
        scale = largest * ratio / limit
        codes = np.clip(np.floor(weight / scale + 0.5), -limit, limit)
        error = ((codes * scale - weight) ** 2).sum(axis=0)
        best = np.where(error < best_error, scale, best)
        best_error = np.minimum(error, best_error)
    codes = np.clip(np.floor(weight / best + 0.5), -limit, limit)
    return codes.astype(np.int8 if bits <= 8 else np.int16), best


def fit_multipliers(
    spec: RequantizeSpec, factors: Sequence[np.ndarray], exponents: tuple[int, int]
) -> tuple[int, list[np.ndarray]]:
    """Multipliers ``m = round(factor * 2**(shift - offset))`` that use their bits; the offset.

    ``factors`` belong to products that share a row scale, hence an offset; signs are kept.
    ``exponents`` is the range of the row's exponent before the offset is added.
    """
    limit = integer_range(spec.multiplier_bits, signed=False)[1]
    largest = max(float(np.abs(factor).max()) for factor in factors)
    low, high = spec.exponent_range[0] - exponents[0], spec.exponent_range[1] - exponents[1]
    needed = int(np.ceil(np.log2(max(largest, 1e-300) * 2.0**spec.shift / limit)))
    if needed > high:
        raise ValueError(
            f"a channel multiplier of {largest:.3g} * 2**{spec.shift - high} leaves "
            f"{spec.multiplier_bits} bits: lower the spec's shift of {spec.shift}"
        )
    offset = max(needed, low)
    multipliers = [
        np.floor(np.asarray(factor, np.float64) * 2.0 ** (spec.shift - offset) + 0.5).astype(
            np.int32
        )
        for factor in factors
    ]
    return offset, multipliers


def bias_codes(spec: RequantizeSpec, bias: np.ndarray, scale: float) -> np.ndarray:
    """``round(bias / scale * 2**bias_fraction_bits)``, checked against ``bias_bits``."""
    codes = np.floor(bias.astype(np.float64) / scale * (1 << spec.bias_fraction_bits) + 0.5)
    low, high = integer_range(spec.bias_bits)
    if codes.min() < low or codes.max() > high:
        raise ValueError(
            f"a bias of {codes.max():.0f} or {codes.min():.0f} leaves {spec.bias_bits} bits: "
            f"raise bias_bits or the output's scale"
        )
    return codes.astype(np.int32)
