"""Operators that move integers, pick them or multiply them one by one."""

from dataclasses import replace

import numpy as np
import pytest

from golden.movement_spec import ConcatSpec, ReshapeSpec, SliceSpec, WindowSpec
from golden.networks.run import INTEGER_OPERATORS, REAL_OPERATORS
from golden.operator_spec import SimilaritySpec, TopKSpec, WindowPoolSpec
from golden.ops.affine import affine
from golden.ops.concat import concat, prepend
from golden.ops.multiply import multiply
from golden.ops.pool import max_pool
from golden.ops.quantize import quantize
from golden.ops.similarity import similarity
from golden.ops.slice import reshape, slice_rows
from golden.ops.top_k import top_k
from golden.ops.windows import windows
from golden.quantization.calibration import CODE_EXPONENTS, UNIT_EXPONENTS, fit_multipliers
from golden.real.batch_norm import batch_norm
from golden.real.embedding import sinusoidal
from golden.real.pool import max_pool as real_max_pool
from golden.real.similarity import similarity as real_similarity
from golden.real.top_k import top_k as real_top_k
from golden.real.windows import windows as real_windows
from golden.spec import RequantizeSpec, RowScaleSpec

RNG = np.random.default_rng(11)


def integers(*shape: int) -> np.ndarray:
    """INT16 values of every magnitude, the extremes among them."""
    x = RNG.integers(-(1 << 15), 1 << 15, shape) >> RNG.integers(0, 16, shape)
    x.flat[:2] = -(1 << 15), (1 << 15) - 1
    return x


@pytest.mark.parametrize(("shape", "kernel", "stride", "padding"), [
    ((9, 4), (3,), (1,), ((1, 1),)),
    ((10, 4), (4,), (3,), ((0, 2),)),
    ((5, 1), (5,), (1,), ((0, 0),)),
    ((8, 12, 3), (4, 4), (4, 4), ((0, 0), (0, 0))),
    ((9, 7, 2), (5, 1), (1, 1), ((2, 2), (0, 0))),
    ((7, 9, 1), (3, 2), (2, 3), ((1, 0), (0, 1))),
])  # fmt: skip
def test_windows_of_both_forms_are_the_same_numbers(shape, kernel, stride, padding) -> None:
    x = integers(*shape)
    spec = WindowSpec(kernel=kernel, stride=stride, padding=padding)
    given = real_windows(x, kernel=kernel, stride=stride, padding=padding)
    taken = windows(spec, x)
    assert taken.shape == given.shape
    assert (taken == given).all()
    # A window that stands in the middle holds its inputs in reading order.
    first = tuple(slice(a, a + k) for a, k in zip(np.multiply(stride, 1), kernel, strict=True))
    padded = np.pad(x, (*padding, (0, 0)))
    if all(size > 1 for size in taken.shape[:-1]):
        assert (taken[(1,) * len(kernel)] == padded[first].ravel()).all()


def test_windows_must_fit() -> None:
    spec = WindowSpec(kernel=(5,), stride=(1,), padding=((0, 1),))
    with pytest.raises(ValueError, match="a window of 5 does not fit in the padded length 4"):
        windows(spec, integers(3, 2))


def test_moving_is_exact() -> None:
    x, y = integers(3, 4), integers(2, 4)
    assert concat(ConcatSpec(), x, y).tolist() == x.tolist() + y.tolist()
    assert (concat(ConcatSpec(axis=-1), x, x)[:, 4:] == x).all()
    assert prepend(None, x, y).tolist() == y.tolist() + x.tolist()
    assert (slice_rows(SliceSpec(start=-1), x) == x[-1:]).all()
    assert (slice_rows(SliceSpec(start=1, stop=3, axis=1), x) == x[:, 1:3]).all()
    assert (reshape(ReshapeSpec(shape=(-1, 6)), x) == x.reshape(2, 6)).all()


@pytest.mark.parametrize("k", [1, 3, 20])
def test_top_k_takes_the_lower_index_of_equals(k: int) -> None:
    x = RNG.integers(-3, 4, (200, 20))
    x[0], x[1, 5] = -(1 << 15), (1 << 15) - 1
    values, indices = top_k(TopKSpec(k=k), x)
    # A stable sort of the negated values keeps the order of equals.
    order = np.argsort(-x, axis=1, kind="stable")[:, :k]
    assert (indices == order).all()
    assert (values == np.take_along_axis(x, order, 1)).all()
    real_values, real_indices = real_top_k(x, k=k)
    assert (real_indices == order).all()
    assert (real_values == values).all()


def test_top_k_needs_enough_values() -> None:
    with pytest.raises(ValueError, match="k of 5 is more than the 4 values"):
        top_k(TopKSpec(k=5), np.zeros((1, 4), int))


def test_multiply_is_within_its_bound() -> None:
    spec, factor = RequantizeSpec(), 2.0**-15 * 0.7
    x, y = integers(300, 40), integers(300, 40)[::-1]
    offset, (m,) = fit_multipliers(spec, [np.array(factor)], UNIT_EXPONENTS)
    exact = x * y * factor
    error = np.abs(multiply(spec, x, y, m, offset) - np.clip(exact, -(1 << 15), (1 << 15) - 1))
    assert (error <= 0.5 + 2.0**-16 * np.abs(exact) + 1e-9).all()
    assert error.max() > 0.45


def test_rows_without_a_scale_need_no_mantissa() -> None:
    x, y = integers(40, 8), integers(40, 8)[::-1]
    narrow = replace(RequantizeSpec(), mantissa_bits=1)
    for offset in (-32, 20, 31):
        expected = np.floor(x * y * 3 * 2.0 ** (offset - narrow.shift) + 0.5)
        expected = np.clip(expected, -(1 << 15), (1 << 15) - 1)
        for spec in (narrow, RequantizeSpec()):
            assert (multiply(spec, x, y, 3, offset) == expected).all()
    for offset in (-33, 32):
        with pytest.raises(ValueError, match=f"exponent_offset .* from -32 to 31, not {offset}"):
            multiply(narrow, x, y, 3, offset)
        with pytest.raises(ValueError, match=f"exponent_offset .* from -32 to 31, not {offset}"):
            affine(narrow, x, np.full(8, 3), offset, np.zeros(8, int))


def test_affine_is_a_batch_norm_within_its_bound() -> None:
    spec, channels, epsilon = RequantizeSpec(), 12, 1e-3
    x = integers(500, channels)
    gain, bias = RNG.normal(0, 0.5, channels), RNG.normal(0, 3000, channels)
    mean, variance = RNG.normal(0, 2000, channels), RNG.uniform(0.3, 3, channels)
    factor = gain / np.sqrt(variance + epsilon)
    offset, (m,) = fit_multipliers(spec, [factor], UNIT_EXPONENTS)
    shift = np.floor((bias - mean * factor) * 256 + 0.5).astype(int)
    exact = batch_norm(x, gain, bias, mean, variance, epsilon=epsilon)
    error = np.abs(affine(spec, x, m, offset, shift) - np.clip(exact, -(1 << 15), (1 << 15) - 1))
    # The largest multiplier uses its 16 bits; all are rounded to the same unit.
    relative = 2.0**-16 * np.abs(factor).max() / np.abs(factor)
    bound = 0.5 + 2.0**-9 + relative * np.abs(x * factor)
    assert (error <= bound + 1e-9).all()
    assert (gain < 0).any()
    assert error.max() > 0.45


@pytest.mark.parametrize("width", [2, 6, 64, 512])
def test_sines_turn_by_a_fixed_angle_per_step(width: int) -> None:
    """Each pair of columns is a point on a circle: a step multiplies it by one complex number."""
    table = sinusoidal(100, width)
    assert table.shape == (100, width)
    assert table[0].tolist() == [0, 1] * (width // 2)
    np.testing.assert_allclose(table[:, 0], np.sin(np.arange(100)), atol=1e-12)
    circle = table[:, 1::2] + 1j * table[:, ::2]
    speed = 10000.0 ** (-2 * np.arange(width // 2) / width)
    np.testing.assert_allclose(circle[1:], circle[:-1] * np.exp(1j * speed), atol=1e-12)
    with pytest.raises(ValueError, match="an even width, not 7"):
        sinusoidal(3, 7)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: WindowSpec(kernel=(3,), stride=(1, 1), padding=((0, 0),)), "one axis or two"),
    (lambda: WindowSpec(kernel=(0,), stride=(1,), padding=((0, 0),)), "kernel .* not 0"),
    (lambda: WindowSpec(kernel=(3,), stride=(0,), padding=((0, 0),)), "stride .* not 0"),
    (lambda: WindowSpec(kernel=(3,), stride=(1,), padding=((0, -1),)), "padding .* not -1"),
    (lambda: ConcatSpec(axis=4), "axis .* not 4"),
    (lambda: SliceSpec(start=1.5), "start .* not 1.5"),
    (lambda: SliceSpec(stop="last"), "stop .* not 'last'"),
    (lambda: ReshapeSpec(shape=(-1, -1)), "hold -1 once"),
    (lambda: TopKSpec(k=0), "k .* not 0"),
])  # fmt: skip
def test_a_wrong_value_is_named(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_every_operator_is_known_to_both_executors() -> None:
    moving = {"concat", "prepend", "slice", "reshape", "windows", "top_k", "multiply"}
    assert moving <= REAL_OPERATORS.keys() & INTEGER_OPERATORS.keys()


def test_max_pool_is_numpy_s_maximum() -> None:
    x = integers(11, 5)
    assert (max_pool(WindowPoolSpec(), x) == x.max(axis=0)).all()
    pairs = max_pool(WindowPoolSpec(window=2), x)
    assert (pairs == np.maximum(x[:10:2], x[1:10:2])).all()
    assert (real_max_pool(x, window=2) == pairs).all()
    with pytest.raises(ValueError, match="a window of 12 is more than the 11 rows"):
        max_pool(WindowPoolSpec(window=12), x)
    with pytest.raises(ValueError, match=r"window .* not 0"):
        WindowPoolSpec(window=0)


def test_similarity_is_within_its_bound_and_ranks_as_floats_do() -> None:
    """Unit vectors as INT16; the real product of the same codes, and the order of the best."""
    spec, width = SimilaritySpec(), 64
    x, y = (RNG.normal(0, 1, (rows, width)) for rows in (20, 300))
    units = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y))
    x, y = (np.rint(unit * 2**15).astype(int) for unit in units)
    y_range = int(np.abs(y).max())
    factor = 20.0 * 2**10 * 2.0**-30 * y_range / 127**2
    offset, (m,) = fit_multipliers(spec.requantize, [np.array(factor)], CODE_EXPONENTS)
    o = similarity(spec, x, y, np.array(y_range), m, offset)
    codes, scale = quantize(spec.query, x, offset)
    y_codes = quantize(RowScaleSpec(static_scale=y_range), y, 0)[0]
    worth = (scale.mantissa * np.exp2(scale.exponent - offset))[:, None] * factor
    exact = codes @ y_codes.T * worth
    assert (np.abs(o - exact) <= 0.5 + 2.0**-16 * np.abs(exact) + 1e-9).all()
    assert (np.abs(o * 2.0**-10 - real_similarity(x, y, scale=20.0 * 2.0**-30)) < 0.3).all()
    # Where the best differs, the two are within an error of each other.
    best, real_best = o.argmax(axis=1), (x @ y.T).argmax(axis=1)
    assert (best == real_best).mean() > 0.9
