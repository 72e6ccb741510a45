"""Rounding, saturation, requantisation, row scales and products, against exact arithmetic."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.integer import (
    RowScale,
    bit_length,
    effective_bits,
    integer_range,
    matmul,
    quantize_rows,
    requantize,
    round_shift,
    saturate,
    set_bits,
)
from golden.spec import RequantizeSpec, RowScaleSpec

HALF = Fraction(1, 2)


def magnitudes(bits: int) -> st.SearchStrategy[int]:
    """Signed integers of every length up to ``bits``, zero included."""
    return st.integers(0, bits - 1).flatmap(lambda n: st.integers(-(1 << n), (1 << n) - 1))


@given(magnitudes(60), st.integers(0, 50))
def test_round_shift_rounds_half_up(x: int, shift: int) -> None:
    assert int(round_shift(x, shift)) == floor(Fraction(x, 1 << shift) + HALF)


def test_half_rounds_up_on_both_sides_of_zero() -> None:
    assert round_shift([-3, -1, 1, 3], 1).tolist() == [-1, 0, 1, 2]


@given(magnitudes(40), st.integers(2, 32), st.booleans())
def test_saturate(x: int, bits: int, signed: bool) -> None:
    low, high = integer_range(bits, signed)
    assert int(saturate(x, bits, signed)) == min(max(x, low), high)


def exact_requantize(spec: RequantizeSpec, a: int, m: int, b: int, s: int, e: int) -> int:
    """The formula of the docstring in rational numbers."""
    value = Fraction(a * m * s) * Fraction(2) ** (e - spec.shift)
    value += Fraction(b, 1 << spec.bias_fraction_bits)
    low, high = integer_range(spec.output_bits)
    return min(max(floor(value + HALF), low), high)


@st.composite
def requantize_cases(draw: st.DrawFn) -> tuple[RequantizeSpec, int, int, int, int, int]:
    fraction_bits, exponent_bits = draw(st.integers(1, 10)), draw(st.integers(1, 6))
    spec = RequantizeSpec(
        accumulator_bits=draw(st.integers(8, 48)),
        multiplier_bits=draw(st.integers(1, 24)),
        mantissa_bits=draw(st.integers(1, 24)),
        exponent_bits=exponent_bits,
        bias_bits=draw(st.integers(fraction_bits + 2, 40)),
        bias_fraction_bits=fraction_bits,
        shift=fraction_bits + (1 << (exponent_bits - 1)) - 1 + draw(st.integers(0, 40)),
        output_bits=draw(st.integers(4, 24)),
    )
    low, high = spec.exponent_range
    return (
        spec,
        draw(magnitudes(spec.accumulator_bits)),
        abs(draw(magnitudes(spec.multiplier_bits))),
        draw(magnitudes(spec.bias_bits)),
        abs(draw(magnitudes(spec.mantissa_bits))),
        draw(st.integers(low, high)),
    )


@given(requantize_cases())
def test_requantize_is_its_formula(
    case: tuple[RequantizeSpec, int, int, int, int, int],
) -> None:
    spec, a, m, b, s, e = case
    scale = RowScale(np.array([s]), np.array([e]))
    o = requantize(spec, np.array([[a]]), np.array([m]), np.array([b]), scale)
    assert o.tolist() == [[exact_requantize(spec, a, m, b, s, e)]]


def test_requantize_takes_a_row_scale_per_row_and_a_multiplier_per_column() -> None:
    spec = RequantizeSpec()
    rng = np.random.default_rng(1)
    a = rng.integers(-(1 << 24), 1 << 24, (5, 3))
    m, b = rng.integers(0, 1 << 16, 3), rng.integers(-(1 << 20), 1 << 20, 3)
    scale = RowScale(rng.integers(1 << 15, 1 << 16, 5), rng.integers(-6, 6, 5))
    expected = [
        [
            exact_requantize(spec, int(a[n, c]), int(m[c]), int(b[c]), *(int(x[n]) for x in scale))
            for c in range(3)
        ]
        for n in range(5)
    ]
    assert requantize(spec, a, m, b, scale).tolist() == expected


@given(st.lists(magnitudes(16), min_size=1, max_size=8))
def test_a_code_is_worth_its_value(row: list[int]) -> None:
    spec = RowScaleSpec()
    codes, scale = quantize_rows(spec, np.array([row]))
    largest = max(abs(x) for x in row)
    worth = Fraction(int(scale.mantissa[0])) * Fraction(2) ** int(scale.exponent[0])
    assert abs(codes).max() <= spec.code_limit
    # The scale is the largest magnitude rounded up to index_bits significant bits.
    assert max(largest, 1) <= worth <= max(largest, 1) * (1 + Fraction(1, 1 << 7))
    assert 1 << 15 <= scale.mantissa[0] < 1 << 16
    for code, x in zip(codes[0], row, strict=True):
        error = abs(int(code) * worth / spec.code_limit - x)
        assert error <= Fraction(51, 100) * worth / spec.code_limit


def test_a_row_of_zeros_has_codes_zero_and_the_smallest_scale() -> None:
    codes, scale = quantize_rows(RowScaleSpec(), np.zeros((1, 4), int))
    assert codes.tolist() == [[0, 0, 0, 0]]
    assert scale.mantissa[0] * 2.0 ** scale.exponent[0] == 1


def test_a_static_scale_does_not_look_at_the_row_and_saturates() -> None:
    codes, scale = quantize_rows(RowScaleSpec(static_scale=1000), [[600, 1000, 4000, -4000]])
    assert codes.tolist() == [[76, 127, 127, -127]]
    assert scale.mantissa[0] * 2.0 ** scale.exponent[0] == 1000


@given(magnitudes(50))
def test_bits_of_a_number(x: int) -> None:
    assert int(bit_length(abs(x))) == abs(x).bit_length()
    assert int(set_bits(x)) == abs(x).bit_count()
    assert int(effective_bits(x, "sign_magnitude")) == abs(x).bit_length()
    bits = int(effective_bits(x))
    if x == 0:
        assert bits == 0
    else:
        low, high = integer_range(bits)
        assert low <= x <= high
        shorter_low, shorter_high = integer_range(bits - 1) if bits > 1 else (0, 0)
        assert not shorter_low <= x <= shorter_high


def test_effective_bits_refuses_another_encoding() -> None:
    with pytest.raises(ValueError, match="'gray'"):
        effective_bits(1, "gray")


@pytest.mark.parametrize(("depth", "limit"), [(64, 127), (1536, 127), (300, 32767), (4, 1 << 30)])
def test_matmul_equals_int64(depth: int, limit: int) -> None:
    # The four cases run in float32, float64, float64 and int64; 4 * 2**60 stays below 2**63.
    rng = np.random.default_rng(depth)
    x = rng.choice([-limit, limit - 1, limit], (3, 5, depth))
    w = rng.choice([-limit, -limit + 1, limit], (3, depth, 7))
    x[0], w[0] = limit, limit
    exact = np.array(x, object) @ np.array(w, object)
    assert (matmul(x, w) == exact).all()
    assert matmul(x, w).dtype == np.int64
