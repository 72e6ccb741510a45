"""From a real network to an integer one, on small encoders with random weights."""

import numpy as np
import pytest

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.run import REAL_OPERATORS, run_integer, run_real
from golden.networks.transformer import EncoderShape, sentence_encoder
from golden.quantization.calibration import bias_codes, weight_codes
from golden.quantization.ranges import Ranges
from golden.quantization.scales import tensor_scales
from golden.quantize import QuantizeSettings, quantize_network
from golden.spec import RequantizeSpec

SHAPE = EncoderShape(
    layers=2, width=48, heads=3, feed_forward=96, vocabulary=50, positions=40, epsilon=1e-5
)


def encoder(shape: EncoderShape = SHAPE) -> Graph:
    rng = np.random.default_rng(2)
    width = shape.width
    weights = {
        "word.table": rng.normal(0, 1, (shape.vocabulary, width)),
        "position.table": rng.normal(0, 0.3, (shape.positions, width)),
        "embedding.norm.gain": rng.normal(1, 0.2, width),
        "embedding.norm.bias": rng.normal(0, 0.2, width),
    }
    for layer in range(shape.layers):
        for name, rows, columns in (
            ("query", width, width),
            ("key", width, width),
            ("value", width, width),
            ("output", width, width),
            ("feed_forward_in", width, shape.feed_forward),
            ("feed_forward_out", shape.feed_forward, width),
        ):
            weights[f"layer.{layer}.{name}.weight"] = rng.normal(0, rows**-0.5, (rows, columns))
            weights[f"layer.{layer}.{name}.bias"] = rng.normal(0, 0.2, columns)
        for name in ("attention.norm", "feed_forward.norm"):
            weights[f"layer.{layer}.{name}.gain"] = rng.normal(1, 0.2, width)
            weights[f"layer.{layer}.{name}.bias"] = rng.normal(0, 0.2, width)
    weights = {name: value.astype(np.float32) for name, value in weights.items()}
    return sentence_encoder("small", shape, weights)


def samples(count: int, seed: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [{"token_ids": rng.integers(0, 50, rng.integers(2, 40))} for _ in range(count)]


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "relu"])
def test_the_integer_network_is_close_to_the_real_one(activation: str) -> None:
    shape = EncoderShape(**{**vars(SHAPE), "activation": activation})
    real = encoder(shape)
    integer = quantize_network(real, samples(8, 1), QuantizeSettings(key_block=16))
    for sample in samples(10, 2):
        values = run_integer(integer, sample)
        x = run_real(real, sample)["sentence"]
        y = values["sentence"] * integer.tensors["sentence"].scale
        assert x @ y / np.linalg.norm(y) > 0.999
        assert abs(np.linalg.norm(y) - 1) < 1e-3


@pytest.mark.parametrize("method", ["absmax", "percentile", "mse"])
def test_every_calibration_gives_a_network(method: str) -> None:
    real = encoder()
    settings = QuantizeSettings(calibration=method, operand_calibration=method)
    integer = quantize_network(real, samples(8, 1), settings)
    for sample in samples(10, 2):
        x = run_real(real, sample)["sentence"]
        y = run_integer(integer, sample)["sentence"]
        assert x @ y / np.linalg.norm(y) > 0.998


def test_every_tensor_stays_in_its_bits() -> None:
    integer = quantize_network(encoder(), samples(8, 1))
    values = run_integer(integer, samples(1, 2)[0])
    for operator in integer.operators:
        tensor = integer.tensors[operator.outputs[0]]
        limit = 1 << (tensor.bits - 1)
        x = values[tensor.name]
        assert x.dtype.kind == "i"
        assert -limit <= x.min() <= x.max() < limit
    for name, constant in integer.constants.items():
        assert np.asarray(constant).dtype.kind in "iu", name


def test_bias_correction_moves_means_to_zero() -> None:
    """Means over the calibration samples; without the correction some are several integers off."""
    real, calibration = encoder(), samples(8, 1)
    integer = quantize_network(real, calibration)
    for name in ("layer.1.feed_forward_out", "layer.1.feed_forward.norm"):
        errors = [
            run_real(real, sample)[name] / integer.tensors[name].scale
            - run_integer(integer, sample)[name]
            for sample in calibration
        ]
        assert np.abs(np.concatenate(errors).mean(axis=0)).max() < 0.6


def test_addends_share_a_scale_and_functions_a_power_of_two() -> None:
    tensors = quantize_network(encoder(), samples(4, 1)).tensors
    for group in (
        ("word", "position", "embedding.sum"),
        ("embedding.norm", "layer.0.output", "layer.0.attention.sum"),
        ("layer.0.attention.norm", "layer.0.feed_forward_out", "layer.0.feed_forward.sum"),
        *(
            tuple(f"layer.{layer}.{name}" for layer in (0, 1))
            for name in ("feed_forward_in", "activation")
        ),
    ):
        assert len({tensors[name].scale for name in group}) == 1
    assert np.log2(tensors["layer.0.activation"].scale).is_integer()


def test_weight_codes_are_the_best_of_their_scales() -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(0, 1, (200, 8))
    codes, scale = weight_codes(weight, 8)
    plain = np.abs(weight).max(axis=0) / 127
    plain_error = ((np.rint(weight / plain) * plain - weight) ** 2).sum(axis=0)
    assert codes.dtype == np.int8
    assert np.abs(codes.astype(int)).max() <= 127
    assert (((codes * scale - weight) ** 2).sum(axis=0) <= plain_error).all()


def test_calibration_needs_samples() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        quantize_network(encoder(), [])


def sum_graph() -> Graph:
    """``relu(x) + tanh(x)``."""
    build = GraphBuilder("sum")
    x = build.input("x", ("rows", 2))
    y = build.apply("relu", "y", x, shape=("rows", 2))
    t = build.apply("tanh", "t", x, shape=("rows", 2))
    return build.finish(build.apply("residual_add", "z", y, t, shape=("rows", 2)))


def test_ranges_are_magnitudes_per_group_of_columns() -> None:
    samples = [{"x": np.array([[-9.0, 1.0], [2.0, 3.0]])}, {"x": np.array([[0.5, -4.0]])}]
    ranges = Ranges(sum_graph(), samples, run_real)
    assert sorted(ranges) == ["t", "x", "y", "z"]
    assert ranges.largest("x", 16).tolist() == [9]
    assert ranges.largest("x", 16, groups=2).tolist() == [9, 4]
    assert ranges.largest("y", 16, groups=2).tolist() == [2, 3]


def test_a_percentile_and_the_least_squared_error_cut_off_an_outlier() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, (20000, 2))
    x[7, 0] = 60.0
    build = GraphBuilder("same")
    build.apply("relu", "y", build.input("x", ("rows", 2)), shape=("rows", 2))
    graph = build.finish("y")

    def error(largest: float, bits: int) -> float:
        limit = (1 << (bits - 1)) - 1
        scale = largest / limit
        return ((np.clip(np.rint(x / scale), -limit, limit) * scale - x) ** 2).mean()

    largest = {
        method: float(Ranges(graph, [{"x": x}], run_real, method).largest("x", 8)[0])
        for method in ("absmax", "percentile", "mse")
    }
    assert largest["absmax"] == 60
    assert 3 < largest["percentile"] < 5
    assert 18 <= largest["mse"] < 60
    assert error(largest["mse"], 8) < error(largest["absmax"], 8)
    with pytest.raises(ValueError, match=r"calibration must be one of .* not 'largest'"):
        Ranges(graph, [{"x": x}], run_real, "largest")


def scales(graph: Graph, x: float) -> dict[str, float]:
    return tensor_scales(graph, Ranges(graph, [{"x": np.full((3, 2), x)}], run_real), 1.25, 16)


def test_addends_share_a_scale_whatever_made_them() -> None:
    found = scales(sum_graph(), 3.0)
    assert found["t"] == found["y"] == found["x"] == found["z"] == 2.0**-12


def test_two_formats_cannot_share_a_scale() -> None:
    """A unit vector has 15 fraction bits, gates have 12, and no sum of states stays below 1."""
    build = GraphBuilder("formats")
    unit = build.apply("l2_normalize", "unit", build.input("x", ("rows", 2)), shape=("rows", 2))
    weight = build.constant("weight", np.eye(2))
    state = build.apply("rnn", "state", unit, weight, shape=("rows", 2))
    with pytest.raises(ValueError, match=r"'unit' and 'unit' .* need .* put a rescale between"):
        scales(build.finish(state), 1.0)
    build = GraphBuilder("formats")
    unit = build.apply("l2_normalize", "unit", build.input("x", ("rows", 2)), shape=("rows", 2))
    total = build.apply("residual_add", "total", unit, unit, shape=("rows", 2))
    with pytest.raises(ValueError, match=r"with '(unit|total)' .* reaches 1.41, but .* ends at 1"):
        scales(build.finish(total), 1.0)


def test_an_operator_without_an_integer_form_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REAL_OPERATORS, "sort", np.sort)
    build = GraphBuilder("network")
    x = build.input("x", ("rows", 2))
    build.apply("sort", "y", x, shape=("rows", 2))
    with pytest.raises(ValueError, match="'y' of kind 'sort' has no integer form"):
        quantize_network(build.finish("y"), [{"x": np.ones((1, 2))}])


def test_a_bias_beyond_its_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves 32 bits"):
        bias_codes(RequantizeSpec(), np.array([1e9]), 1.0)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="width 48 must be a multiple of the 5 heads"):
        EncoderShape(**{**vars(SHAPE), "heads": 5})
    with pytest.raises(ValueError, match=r"weight 'word.table' is missing"):
        sentence_encoder("none", SHAPE, {})
