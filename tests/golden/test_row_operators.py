"""Operators over rows, against their real definitions, within the bounds of their docstrings."""

import numpy as np
import pytest

from golden.operator_spec import (
    LayerNormSpec,
    NormalizeSpec,
    PoolSpec,
    ResidualAddSpec,
    SoftmaxSpec,
)
from golden.ops.embedding import embedding, position
from golden.ops.l2_normalize import l2_normalize
from golden.ops.layer_norm import layer_norm
from golden.ops.linear import linear
from golden.ops.mean_pool import mean_pool
from golden.ops.quantize import quantize
from golden.ops.residual_add import residual_add
from golden.ops.softmax import softmax
from golden.quantization.calibration import (
    CODE_EXPONENTS,
    RECIPROCAL_EXPONENTS,
    ROOT_EXPONENTS,
    fit_multipliers,
)
from golden.real.layer_norm import layer_norm as real_layer_norm
from golden.real.softmax import softmax as real_softmax
from golden.spec import RequantizeSpec, RowScaleSpec

RNG = np.random.default_rng(3)


def rows(count: int, width: int, bits: int = 16) -> np.ndarray:
    """Rows whose spread runs from an integer or two to the whole range."""
    spread = np.exp2(RNG.uniform(1, bits - 3, (count, 1)))
    mean = RNG.normal(0, 1 << (bits - 3), (count, 1))
    limit = (1 << (bits - 1)) - 1
    return np.clip(np.rint(RNG.normal(mean, spread, (count, width))), -limit, limit).astype(int)


@pytest.mark.parametrize("width", [2, 7, 64, 384, 1024])
@pytest.mark.parametrize("epsilon", [0, 10_000])
def test_layer_norm_is_within_its_bound(width: int, epsilon: int) -> None:
    spec = LayerNormSpec(width=width)
    x = rows(200, width)
    x[:, 0] += x.std(axis=1) == 0
    gain = RNG.normal(0, 1000, width)
    bias = RNG.integers(-5000, 5000, width)
    offset, (multiplier,) = fit_multipliers(
        spec.requantize, [gain * np.sqrt(width)], ROOT_EXPONENTS
    )
    o = layer_norm(spec, x, multiplier, bias * 256, epsilon, offset)
    # epsilon stands in the sum of squares, in units of the deviations' fraction.
    variance_epsilon = epsilon / (width * 4**spec.mean_fraction_bits)
    exact = real_layer_norm(x.astype(float), gain, bias.astype(float), epsilon=variance_epsilon)
    deviation = np.sqrt(x.var(axis=1, keepdims=True) + variance_epsilon)
    blur = 2.0**-spec.mean_fraction_bits * 2 * np.abs(gain) / np.maximum(deviation, 0.3)
    bound = 1 + 2.0**-12 * np.abs(exact - bias) + blur
    inside = np.abs(exact) < (1 << 15) - 1 - bound
    assert inside.mean() > 0.9
    assert (np.abs(o - exact) <= bound)[inside].all()


def test_layer_norm_of_a_row_without_spread_is_the_bias() -> None:
    spec = LayerNormSpec(width=4)
    x = np.array([[1234] * 4, [-32768] * 4, [0] * 4])
    o = layer_norm(spec, x, np.full(4, 30000), np.array([256, -512, 0, 25600]), 0, 10)
    assert o.tolist() == [[1, -2, 0, 100]] * 3


def test_a_negative_gain_turns_the_sign() -> None:
    spec = LayerNormSpec(width=8)
    x, multiplier = rows(20, 8), np.full(8, 40000)
    plus = layer_norm(spec, x, multiplier, np.zeros(8, int), 0, 35)
    minus = layer_norm(spec, x, -multiplier, np.zeros(8, int), 0, 35)
    assert np.abs(plus + minus).max() <= 1
    assert np.abs(plus).max() > 1000


@pytest.mark.parametrize(("bits", "beyond"), [(6, 0), (8, 0), (12, 0.001)])
@pytest.mark.parametrize("spread", [1, 2, 4])
@pytest.mark.parametrize("keys", [1, 16, 128, 512])
def test_softmax_is_at_most_one_code_from_exact(
    bits: int, beyond: float, spread: float, keys: int
) -> None:
    spec = SoftmaxSpec(output_bits=bits)
    fraction = 1 << spec.score_fraction_bits
    x = np.rint(RNG.normal(0, spread, (100, keys)) * fraction / np.log(2)).astype(int)
    exact = real_softmax(x * (np.log(2) / fraction)) * spec.unit
    error = np.abs(softmax(spec, x) - np.floor(exact + 0.5))
    assert error.max() <= 2
    assert (error > 1).mean() <= beyond
    assert (error > 0).mean() < 0.4


@pytest.mark.parametrize("bits", range(4, 13))
def test_softmax_of_one_key_is_the_unit(bits: int) -> None:
    spec = SoftmaxSpec(output_bits=bits)
    assert softmax(spec, [[5], [-700]]).tolist() == [[spec.unit]] * 2
    assert softmax(spec, [[-32768, 32767]]).tolist() == [[0, spec.unit]]


def test_softmax_ignores_masked_keys_and_defines_an_empty_row() -> None:
    spec = SoftmaxSpec()
    x = rows(50, 20, bits=14)
    mask = RNG.random((50, 20)) < 0.5
    mask[0] = False
    p = softmax(spec, x, mask)
    assert (p[~mask] == 0).all()
    assert (p[0] == 0).all()
    for row, seen, result in zip(x[1:], mask[1:], p[1:], strict=True):
        assert (softmax(spec, row[seen]) == result[seen]).all()


def test_linear_is_within_its_bound() -> None:
    spec, row_spec = RequantizeSpec(), RowScaleSpec()
    x = rows(40, 96)
    w = RNG.integers(-127, 128, (96, 24))
    factor = RNG.uniform(0.5, 1, 24) * 2.0**-20
    bias = RNG.normal(0, 1000, 24)
    offset, (multiplier,) = fit_multipliers(spec, [factor], CODE_EXPONENTS)
    codes, scale = quantize(row_spec, x, offset)
    o = linear(spec, codes, scale, w, multiplier, np.rint(bias * 256).astype(int))
    worth = scale.mantissa * np.exp2(scale.exponent - offset)
    exact = (codes @ w) * worth[:, None] * factor
    assert np.abs(o - exact - bias).max() <= 0.5 + 2.0**-9 + 2.0**-16 * np.abs(exact).max()
    assert np.abs(o).max() > 500


def test_fit_multipliers_uses_the_bits_and_refuses_what_does_not_fit() -> None:
    spec = RequantizeSpec()
    offset, (m,) = fit_multipliers(spec, [np.array([1e-6, -3e-6])], CODE_EXPONENTS)
    assert 1 << 15 <= -m[1] < 1 << 16
    np.testing.assert_allclose(m * 2.0 ** (offset - spec.shift), [1e-6, -3e-6], rtol=1e-4)
    with pytest.raises(ValueError, match="leaves 16 bits: lower the spec's shift of 40"):
        fit_multipliers(spec, [np.array([1e6])], CODE_EXPONENTS)


@pytest.mark.parametrize("count", [1, 2, 3, 100, 257])
def test_mean_pool_is_within_its_bound(count: int) -> None:
    spec = PoolSpec()
    x = rows(count, 32)
    offset, (m,) = fit_multipliers(spec.requantize, [np.array(1.0)], RECIPROCAL_EXPONENTS)
    exact = x.mean(axis=0)
    assert (np.abs(mean_pool(spec, x, m, offset) - exact) <= 0.5 + 2.0**-11 * np.abs(exact)).all()


def test_l2_normalize_is_within_its_bound() -> None:
    spec = NormalizeSpec()
    x = rows(50, 384)
    offset, (m,) = fit_multipliers(spec.requantize, [np.array(2.0**15)], ROOT_EXPONENTS)
    exact = x / np.linalg.norm(x, axis=1, keepdims=True) * 2**15
    error = np.abs(l2_normalize(spec, x, m, offset) - exact)
    assert (error <= 0.5 + 2.0**-12 * np.abs(exact)).all()
    assert (l2_normalize(spec, np.zeros((1, 8), int), m, offset) == 0).all()


def test_residual_add_saturates() -> None:
    spec = ResidualAddSpec()
    x = np.array([1, 32767, -32768, 20000], np.int16)
    y = np.array([2, 1, -1, 20000], np.int16)
    assert residual_add(spec, x, y).tolist() == [3, 32767, -32768, 32767]


def test_embedding_refuses_what_is_outside_its_table() -> None:
    table = np.arange(12, dtype=np.int16).reshape(4, 3)
    assert embedding(None, [3, 0], table).tolist() == [[9, 10, 11], [0, 1, 2]]
    assert position(None, np.zeros((2, 3)), table).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError, match="token id 4 is outside the table of 4 rows"):
        embedding(None, [4], table)
    with pytest.raises(ValueError, match="5 tokens are more than the 4 positions"):
        position(None, np.zeros((5, 3)), table)
