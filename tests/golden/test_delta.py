"""Delta attention: what is held, the exact recursion, and networks that hold."""

import numpy as np
import pytest

from golden.graph import Graph
from golden.integer import matmul
from golden.networks.keyword import keyword_transformer, kwt_shape
from golden.networks.run import quantize_inputs, run_integer, run_real
from golden.networks.weights import random_weights
from golden.operator_spec import DeltaSpec
from golden.ops.delta import delta, delta_linear, delta_product, differences
from golden.quantize import quantize_network
from golden.real.delta import delta as real_delta

RNG = np.random.default_rng(8)
THRESHOLDS = [0, 1, 5, 40, 300]


def walk(rows: int, width: int) -> np.ndarray:
    """Codes of 8 bits that change a little from row to row."""
    return np.clip(np.cumsum(RNG.integers(-9, 10, (rows, width)), axis=0), -127, 127)


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_held_rows_are_never_further_off_than_the_threshold(threshold: int) -> None:
    x = walk(50, 16)
    held = delta(DeltaSpec(threshold=threshold), x)
    assert (held[0] == x[0]).all()
    assert np.abs(held - x).max() <= threshold
    # Each number is the row's own or the one that was held.
    assert ((held[1:] == x[1:]) | (held[1:] == held[:-1])).all()
    changed = differences(held)[1:]
    assert (np.abs(changed[changed != 0]) > threshold).all()
    assert (held == real_delta(x, threshold=threshold)).all()
    if threshold == 0:
        assert (held == x).all()
    if threshold == 300:
        assert (changed == 0).all()


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_the_recursion_is_exact(threshold: int) -> None:
    """r_ij = r_(i-1)j + r_i(j-1) - r_(i-1)(j-1) + da_i . db_j; the first row and column dense."""
    spec = DeltaSpec(threshold=threshold)
    a, b = delta(spec, walk(20, 12)), delta(spec, walk(15, 12))
    da, db = differences(a), differences(b)
    r = delta_product(da, db)
    assert (r == matmul(a, b.T)).all()
    assert r[0, 0] == a[0] @ b[0]
    for i in range(1, 20):
        assert r[i, 0] == r[i - 1, 0] + da[i] @ b[0]
        for j in range(1, 15):
            assert r[i, j] == r[i - 1, j] + r[i, j - 1] - r[i - 1, j - 1] + da[i] @ db[j]
    weight = RNG.integers(-127, 128, (12, 9))
    assert (delta_linear(da, weight) == matmul(a, weight)).all()


def held_network(threshold: float | None) -> Graph:
    return keyword_transformer("kwt", kwt_shape(1, layers=2, delta=threshold), random_weights(4))


def sample(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"input": np.cumsum(rng.normal(0, 0.3, (98, 40)), axis=0)}


def test_a_threshold_of_zero_is_the_dense_network() -> None:
    dense, held = held_network(None), held_network(0.0)
    given = sample(1)
    expected = run_real(dense, given)["output"]
    np.testing.assert_allclose(run_real(held, given)["output"], expected, rtol=1e-12)


@pytest.mark.parametrize(("threshold", "least", "cosine"), [(0.1, 0.05, 0.99), (0.5, 0.3, 0.9)])
def test_integers_hold_as_the_real_network_does(
    threshold: float, least: float, cosine: float
) -> None:
    """Codes of held rows repeat, so that their differences are zeros to skip."""
    real = held_network(threshold)
    integer = quantize_network(real, [sample(seed) for seed in range(100, 104)])
    for seed in range(3):
        given = sample(seed)
        values = run_integer(integer, quantize_inputs(integer, given))
        x, y = run_real(real, given)["output"].ravel(), values["output"].ravel()
        assert x @ y / np.linalg.norm(x) / np.linalg.norm(y) > cosine
        for name in ("layer.0.held", "layer.1.held"):
            codes = values[f"{name}.codes"]
            assert len(set(values[f"{name}.row_scale"].mantissa.tolist())) == 1
            assert (differences(codes)[1:] == 0).mean() > least
            weight = integer.constants[name.replace("held", "query.weight")]
            assert (delta_linear(differences(codes), weight) == matmul(codes, weight)).all()


def test_a_threshold_is_checked() -> None:
    with pytest.raises(ValueError, match=r"threshold .* not -1"):
        DeltaSpec(threshold=-1)
