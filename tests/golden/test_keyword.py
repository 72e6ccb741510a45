"""Keyword spotters and patch encoders: parameters, another implementation, integers."""

from dataclasses import replace

import numpy as np
import pytest
from onnx_graphs import run_onnx

from golden.graph import Graph
from golden.networks.keyword import (
    ATT_RNN,
    KWT_FRAMES,
    MHATT_RNN,
    KeywordShape,
    attention_rnn,
    keyword_transformer,
    kwt_shape,
)
from golden.networks.patches import PatchShape, patch_encoder
from golden.networks.run import quantize_inputs, run_integer, run_real
from golden.networks.transformer import EncoderShape
from golden.networks.weights import empty_weights, random_weights
from golden.quantize import quantize_network

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
IMAGE = PatchShape(size=(24, 16), channels=3, kernel=(8, 8), stride=(8, 8), outputs=10)
OVERLAPPING = replace(IMAGE, stride=(4, 8), class_tokens=2, input_norm=True, patch_bias=False)
ENCODER = EncoderShape(
    layers=2, width=32, heads=2, feed_forward=64, positions=99, epsilon=1e-6, norm="pre"
)
NETWORKS = {
    "kwt": lambda weights: keyword_transformer("kwt", kwt_shape(2, layers=2), weights),
    "att_rnn": lambda weights: attention_rnn(
        "att_rnn", replace(ATT_RNN, frames=30, states=16), weights
    ),
    "mhatt_rnn": lambda weights: attention_rnn(
        "mhatt_rnn", replace(MHATT_RNN, frames=30, query_frame=15, states=16), weights
    ),
    "vit": lambda weights: patch_encoder("vit", IMAGE, ENCODER, weights),
    "overlapping": lambda weights: patch_encoder("overlapping", OVERLAPPING, ENCODER, weights),
    "linear": lambda weights: patch_encoder(
        "linear", IMAGE, replace(ENCODER, kind="linear"), weights
    ),
    "bias token": lambda weights: patch_encoder(
        "bias", IMAGE, replace(ENCODER, bias_token=True), weights
    ),
}


def network(name: str) -> Graph:
    return NETWORKS[name](random_weights(4))


def sample(graph: Graph, seed: int) -> dict[str, np.ndarray]:
    """Features that change slowly from row to row, as sounds and images do."""
    rng = np.random.default_rng(seed)
    return {"input": np.cumsum(rng.normal(0, 0.3, graph.tensors["input"].shape), axis=0)}


def parameters(graph: Graph) -> int:
    """Numbers that were trained; zeros stand where a layer has no bias."""
    return sum(x.size for name, x in graph.constants.items() if not name.endswith(".zeros"))


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    return float(x.ravel() @ y.ravel() / np.linalg.norm(x) / np.linalg.norm(y))


@pytest.mark.parametrize(("heads", "count"), [(1, 607_308), (2, 2_394_252), (3, 5_360_844)])
def test_kwt_has_the_published_parameters(heads: int, count: int) -> None:
    graph = keyword_transformer("kwt", kwt_shape(heads), empty_weights())
    assert parameters(graph) == count
    assert KWT_FRAMES.tokens == 99


def test_attention_rnns_have_the_published_parameters() -> None:
    """The released attention RNN holds 201,247 numbers, the multi-head one 756,711."""
    assert parameters(attention_rnn("mhatt", MHATT_RNN, empty_weights())) == 756_711
    assert parameters(attention_rnn("att", ATT_RNN, empty_weights())) == 201_247


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "linear"])
def test_real_networks_are_onnx_s(name: str) -> None:
    graph = network(name)
    given = sample(graph, 1)
    (expected,) = run_onnx(graph, given).values()
    found = run_real(graph, given)[graph.outputs[0]]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert np.abs(expected).std() > 1e-3


@pytest.mark.parametrize("name", NETWORKS)
def test_integers_keep_the_output(name: str) -> None:
    graph = network(name)
    integer = quantize_network(graph, [sample(graph, seed) for seed in range(100, 106)])
    last = graph.operators[-1]
    # Random networks hardly prefer a class: what goes into the softmax tells more.
    output = last.inputs[0] if last.kind == "softmax" else last.name
    for seed in range(4):
        given = sample(graph, seed)
        values = run_integer(integer, quantize_inputs(integer, given))
        x = run_real(graph, given)[output]
        y = values[output] * integer.tensors[output].scale
        assert cosine(x, y) > 0.99
        assert x.argmax() == y.argmax()


def test_the_input_is_rounded_to_its_scale() -> None:
    graph = network("kwt")
    integer = quantize_network(graph, [sample(graph, 0)])
    tensor = integer.tensors["input"]
    assert tensor.bits == 16
    codes = quantize_inputs(integer, {"input": np.array([[0.6, -0.5, 1e9]]) * tensor.scale})
    assert codes["input"].tolist() == [[1, 0, 32767]]


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="size, kernel and stride must have as many axes"):
        replace(IMAGE, kernel=(8,))
    with pytest.raises(ValueError, match=r"kernel .* not 25"):
        replace(IMAGE, kernel=(25, 8))
    with pytest.raises(ValueError, match="query_frame 98 is none of the 98 frames"):
        KeywordShape(query_frame=98)
    with pytest.raises(ValueError, match="dense and relu must be as long"):
        KeywordShape(dense=(3,))
    with pytest.raises(ValueError, match="kind must be 'softmax' or 'linear', not 'hard'"):
        replace(ENCODER, kind="hard")
    with pytest.raises(ValueError, match="bias_token needs a kind of 'softmax'"):
        replace(ENCODER, kind="linear", bias_token=True)
    with pytest.raises(ValueError, match="delta must be a threshold of 0 or more, not -1"):
        replace(ENCODER, delta=-1)
    given = {"patch.weight": np.zeros((40, 65)), "patch.bias": np.zeros(64)}
    with pytest.raises(
        ValueError, match=r"'patch.weight' has the shape \(40, 65\), not \(40, 64\)"
    ):
        keyword_transformer("kwt", kwt_shape(1), given)
