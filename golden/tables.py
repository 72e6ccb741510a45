"""ROM contents as functions of a spec: golden and the circuits read the same integers."""

from functools import cache

import numpy as np

from golden.spec import RowScaleSpec


@cache
def reciprocal_table(spec: RowScaleSpec) -> np.ndarray:
    """Reciprocals for ``quantize_rows``, one entry per normalised magnitude.

    Entry ``k`` belongs to the magnitude ``M = 2**(index_bits - 1) + k``, for ``k`` up to and
    including ``2**(index_bits - 1)``; it is ``floor(code_limit * 2**fraction / M)`` with
    ``fraction = mantissa_bits + index_bits - output_bits``, so that ``x * entry`` never passes the
    limit and an entry fits in ``mantissa_bits`` bits.
    """
    magnitudes = np.arange(1 << (spec.index_bits - 1), (1 << spec.index_bits) + 1, dtype=np.int64)
    return (spec.code_limit << reciprocal_fraction_bits(spec)) // magnitudes


def reciprocal_fraction_bits(spec: RowScaleSpec) -> int:
    """Fraction bits of an entry of ``reciprocal_table`` for a magnitude of ``index_bits`` bits."""
    return spec.mantissa_bits + spec.index_bits - spec.output_bits
