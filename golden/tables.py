"""ROM contents as functions of a spec: golden and the circuits read the same integers."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from golden.spec import RowScaleSpec
from golden.table_spec import AntilogarithmSpec, TableSpec


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


@cache
def function_table(spec: TableSpec) -> np.ndarray:
    """Values of ``spec.function`` at the ends of its segments, ``2**index_bits + 1`` entries.

    Entry ``k`` is ``saturate(floor(output_unit * f(x) + 1/2))`` at the input integer
    ``low + k * 2**remainder_bits``, ``low`` being the smallest one.
    """
    low = -(1 << (spec.input_bits - 1)) if spec.input_signed else 0
    function = _FUNCTIONS[spec.function]
    smallest = -(1 << (spec.output_bits - 1)) if spec.output_signed else 0
    largest = smallest + (1 << spec.output_bits) - 1
    entries = []
    for index in range((1 << spec.index_bits) + 1):
        x = (low + (index << spec.remainder_bits)) * 2.0**-spec.input_fraction_bits
        entry = math.floor(spec.output_unit * function(x) + 0.5)
        entries.append(min(max(entry, smallest), largest))
    return np.array(entries, np.int64)


@cache
def excess_table(spec: AntilogarithmSpec) -> np.ndarray:
    """By how much the line ``1 + v`` is above ``2**v``, in units of ``2**-fraction_bits``.

    Entry ``k`` is ``floor((1 + v - 2**v) * 2**fraction_bits + 1/2)`` in the middle of the inputs
    that read it, ``v = (k + 1/2) * 2**-index_bits - 2**-(fraction_bits + 1)``.
    """
    entries = []
    for index in range(1 << spec.index_bits):
        v = (index + 0.5) * 2.0**-spec.index_bits - 2.0 ** -(spec.fraction_bits + 1)
        entries.append(math.floor((1 + v - 2.0**v) * 2**spec.fraction_bits + 0.5))
    return np.array(entries, np.int64)


def _gelu(x: float) -> float:
    return x * 0.5 * math.erfc(-x / math.sqrt(2))


def _gelu_tanh(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _sigmoid(x: float) -> float:
    return 0.5 * (1 + math.tanh(x / 2))


def _elu_plus_one(x: float) -> float:
    return x + 1 if x > 0 else math.exp(x)


def _exp2_negative(x: float) -> float:
    return 2.0**-x


def _log2_one_plus(x: float) -> float:
    return math.log2(1 + max(x, 0.0))


def _reciprocal_root(x: float) -> float:
    # Below 1 nothing reads the table; the value at 1 keeps its entries in range.
    return 1 / math.sqrt(max(x, 1.0))


_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "relu": lambda x: max(x, 0.0),
    "tanh": math.tanh,
    "sigmoid": _sigmoid,
    "elu_plus_one": _elu_plus_one,
    "exp2_negative": _exp2_negative,
    "log2_one_plus": _log2_one_plus,
    "reciprocal_root": _reciprocal_root,
}
