"""Keyword spotters and patch encoders: parameters, another implementation, integers."""

from dataclasses import replace

import numpy as np
import pytest
from onnx_graphs import run_onnx

from golden.graph import Graph
from golden.networks.instances import ENCODER, IMAGE, KEYWORDS, sample
from golden.networks.keyword import (
    ATT_RNN,
    KWT_FRAMES,
    MHATT_RNN,
    KeywordShape,
    attention_rnn,
    keyword_transformer,
    kwt_shape,
)
from golden.networks.run import quantize_inputs, run_real
from golden.networks.weights import empty_weights, random_weights
from golden.quantize import quantize_network

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def network(name: str) -> Graph:
    return KEYWORDS[name](random_weights(4))


def parameters(graph: Graph) -> int:
    """Numbers that were trained; zeros stand where a layer has no bias."""
    return sum(x.size for name, x in graph.constants.items() if not name.endswith(".zeros"))


@pytest.mark.parametrize(("heads", "count"), [(1, 607_308), (2, 2_394_252), (3, 5_360_844)])
def test_kwt_has_the_published_parameters(heads: int, count: int) -> None:
    graph = keyword_transformer("kwt", kwt_shape(heads), empty_weights())
    assert parameters(graph) == count
    assert KWT_FRAMES.tokens == 99


def test_attention_rnns_have_the_published_parameters() -> None:
    """The released attention RNN holds 201,247 numbers, the multi-head one 756,711."""
    assert parameters(attention_rnn("mhatt", MHATT_RNN, empty_weights())) == 756_711
    assert parameters(attention_rnn("att", ATT_RNN, empty_weights())) == 201_247


@pytest.mark.parametrize("name", [name for name in KEYWORDS if "linear" not in name])
def test_real_networks_are_onnx_s(name: str) -> None:
    graph = network(name)
    given = sample(graph, 1)
    (expected,) = run_onnx(graph, given).values()
    found = run_real(graph, given)[graph.outputs[0]]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert np.abs(expected).std() > 1e-3


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
