"""Tables and what reads them, against the real functions, over whole input ranges."""

import math

import numpy as np
import pytest

from golden.integer import integer_range
from golden.ops.activation import activation
from golden.ops.antilogarithm import antilogarithm
from golden.ops.exponential import exponential
from golden.ops.interpolate import interpolate
from golden.ops.reciprocal import logarithm, reciprocal
from golden.ops.reciprocal_root import reciprocal_root
from golden.real import activation as real
from golden.spec import RowScaleSpec
from golden.table_spec import (
    FUNCTIONS,
    AntilogarithmSpec,
    ExponentialSpec,
    ReciprocalRootSpec,
    ReciprocalSpec,
    TableSpec,
)
from golden.tables import function_table, reciprocal_fraction_bits, reciprocal_table

# Largest |f''|, where a line between two entries is farthest from the function.
CURVATURE = {
    "gelu": math.sqrt(2 / math.pi),
    "gelu_tanh": 0.80,
    "relu": 0.0,
    "tanh": 4 / (3 * math.sqrt(3)),
    "sigmoid": 1 / (6 * math.sqrt(3)),
    "elu_plus_one": 1.0,
}
RNG = np.random.default_rng(7)


def spread_integers(bits: int, count: int) -> np.ndarray:
    """Positive integers of every length up to ``bits``."""
    return np.unique(np.exp2(RNG.uniform(0, bits, count)).astype(np.int64))


@pytest.mark.parametrize("function", sorted(CURVATURE))
@pytest.mark.parametrize(("fraction_bits", "index_bits"), [(11, 8), (12, 10), (10, 6), (13, 9)])
def test_activation_is_within_its_bound_everywhere(
    function: str, fraction_bits: int, index_bits: int
) -> None:
    spec = TableSpec(
        function=function,
        input_fraction_bits=fraction_bits,
        index_bits=index_bits,
        output_unit=1 << fraction_bits,
    )
    low, high = integer_range(16)
    x = np.arange(low, high + 1)
    exact = getattr(real, function)(x * 2.0**-fraction_bits) * spec.output_unit
    error = np.abs(activation(spec, x) - np.clip(exact, low, high))
    segment = 2.0 ** (spec.remainder_bits - fraction_bits)
    bound = spec.output_unit * segment**2 / 8 * CURVATURE[function] + 1
    assert error.max() <= bound
    # A bound ten times too wide would prove nothing.
    assert error.max() >= bound / 10


@pytest.mark.parametrize("function", FUNCTIONS)
def test_table_entries_are_rounded_values(function: str) -> None:
    spec = TableSpec(function=function, input_signed=function in CURVATURE, output_bits=32)
    table = function_table(spec)
    assert len(table) == 257
    positions = np.arange(257) << spec.remainder_bits
    x = (integer_range(16, spec.input_signed)[0] + positions) * 2.0**-spec.input_fraction_bits
    formula = {
        "exp2_negative": lambda x: np.exp2(-x),
        "log2_one_plus": lambda x: np.log2(1 + x),
        "reciprocal_root": lambda x: 1 / np.sqrt(np.maximum(x, 1)),
    }.get(function) or getattr(real, function)
    np.testing.assert_allclose(table, formula(x) * spec.output_unit, rtol=0, atol=0.5000001)


def test_interpolation_hits_the_entries_and_lies_between_them() -> None:
    spec = TableSpec(function="sigmoid", input_bits=8, input_fraction_bits=4, index_bits=5)
    y = interpolate(spec, np.arange(-128, 128))
    table = function_table(spec)
    assert (y[:: 1 << spec.remainder_bits] == table[:-1]).all()
    assert (np.diff(y) >= 0).all()


@pytest.mark.parametrize("unit", [15, 255, 4095, 1 << 15])
@pytest.mark.parametrize(("fraction_bits", "index_bits"), [(10, 5), (10, 10), (8, 4), (12, 5)])
def test_exponential_is_within_its_bound_everywhere(
    unit: int, fraction_bits: int, index_bits: int
) -> None:
    spec = ExponentialSpec(unit=unit, fraction_bits=fraction_bits, index_bits=index_bits)
    d = np.arange(20 << fraction_bits)
    error = np.abs(exponential(spec, d) - unit * np.exp2(-d / (1 << fraction_bits)))
    curve = unit * 2.0 ** (-2 * index_bits) / 16 + 2.0**-spec.guard_bits
    assert (error <= 0.5 + curve * np.exp2(-(d >> fraction_bits)) + 1e-9).all()
    assert exponential(spec, 0) == unit
    assert exponential(spec, [1 << 40]) == 0


@pytest.mark.parametrize(
    ("fraction_bits", "bits"), [(4, 4), (5, 5), (8, 8), (8, 15), (12, 12), (12, 19)]
)
def test_antilogarithm_is_within_its_bound_everywhere(fraction_bits: int, bits: int) -> None:
    spec = AntilogarithmSpec(fraction_bits=fraction_bits)
    y = np.arange((bits + 3) << fraction_bits)
    d = (y + 1) * 2.0**-fraction_bits
    codes = antilogarithm(spec, bits, y)
    bound = 0.5 + 0.7 * np.exp2(bits - fraction_bits - np.ceil(d))
    assert (np.abs(codes - np.exp2(bits - d)) <= bound).all()
    assert codes.max() < 1 << bits
    assert (np.diff(codes) <= 0).all()
    assert antilogarithm(spec, bits, [1 << 40]) == 0


def test_logarithm_and_reciprocal_are_within_their_bounds() -> None:
    spec = ReciprocalSpec()
    n = np.union1d(np.arange(1, 70000), spread_integers(40, 50000))
    segment = 2.0**-spec.index_bits
    log_error = np.abs(logarithm(spec, n) * 2.0**-spec.fraction_bits - np.log2(n))
    unit = 2.0**-spec.fraction_bits
    assert log_error.max() <= (unit + segment**2 / 8) / math.log(2) + unit
    scale = reciprocal(spec, n)
    relative = np.abs(scale.mantissa * np.exp2(scale.exponent) * n - 1)
    bound = 2.0 ** (1 - spec.fraction_bits) + segment**2 / 4 + 2.0**-spec.mantissa_bits
    assert bound / 4 <= relative.max() <= bound
    assert scale.mantissa.max() < 1 << 16


def test_the_reciprocal_of_nothing_is_nothing() -> None:
    assert reciprocal(ReciprocalSpec(), [0]).mantissa.tolist() == [0]


def test_reciprocal_root_is_within_its_bound() -> None:
    spec = ReciprocalRootSpec()
    n = np.union1d(np.arange(1, 70000), spread_integers(52, 50000))
    scale = reciprocal_root(spec, n)
    relative = np.abs(scale.mantissa * np.exp2(scale.exponent) * np.sqrt(n) - 1)
    segment = 2.0 ** (2 - spec.index_bits)
    bound = 2.0 ** -(spec.fraction_bits + 1) + segment**2 * 3 / 16 + 2.0 ** (1 - spec.mantissa_bits)
    assert bound / 4 <= relative.max() <= bound
    assert scale.mantissa.max() < 1 << 16


def test_reciprocal_table_never_passes_the_limit() -> None:
    spec = RowScaleSpec()
    table = reciprocal_table(spec)
    magnitudes = np.arange(128, 257)
    assert len(table) == 129
    assert table.max() < 1 << spec.mantissa_bits
    products = magnitudes * table
    assert (products <= spec.code_limit << reciprocal_fraction_bits(spec)).all()
    assert (products + magnitudes > spec.code_limit << reciprocal_fraction_bits(spec)).all()


def test_erf_is_the_standard_library_s() -> None:
    x = np.linspace(-8, 8, 4001)
    exact = np.array([math.erf(value) for value in x])
    assert np.abs(real.erf(x) - exact).max() < 1e-11
