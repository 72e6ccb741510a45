"""Networks of images and text: sizes, wiring, another implementation, integers."""

from dataclasses import replace

import numpy as np
import pytest
from onnx_graphs import run_onnx

from golden.graph import Graph
from golden.networks.clip import CLIP, IMAGEBIND, IMAGEBIND_OUTPUTS, embed, retrieval
from golden.networks.decoding import Growing
from golden.networks.describe import describe, length_names
from golden.networks.instances import MULTIMODAL, QUESTIONS, TWO_STREAMS, sample
from golden.networks.published import PUBLISHED
from golden.networks.question_answering import every_word
from golden.networks.run import call_integer, quantize_inputs, run_integer, run_real
from golden.networks.vision_language import (
    VILBERT,
    vilbert,
)
from golden.networks.weights import empty_weights, random_weights
from golden.quantize import quantize_network

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def network(name: str) -> Graph:
    return MULTIMODAL[name](random_weights(4))


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    return float(x.ravel() @ y.ravel() / np.linalg.norm(x) / np.linalg.norm(y))


@pytest.mark.parametrize("name", [name for name in MULTIMODAL if name != "spatial_attention"])
def test_real_networks_are_onnx_s(name: str) -> None:
    """Attention within a recurrence has its test beside the encoder-decoders."""
    graph = network(name)
    given = sample(graph, 1)
    (expected,) = run_onnx(graph, given).values()
    found = run_real(graph, given)[graph.outputs[0]]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("modality", "patches", "trunk"), [
    ("image", 256, (1280, 32, 16)),
    ("audio", 228, (768, 12, 12)),
    ("depth", 196, (384, 12, 8)),
    ("thermal", 196, (768, 12, 12)),
    ("imu", 250, (512, 6, 8)),
])  # fmt: skip
def test_imagebind_has_the_published_tokens(
    modality: str, patches: int, trunk: tuple[int, int, int]
) -> None:
    shape = IMAGEBIND[modality]
    assert shape.patch.patches == patches
    assert shape.patch.tokens == patches + 1
    assert (shape.encoder.width, shape.encoder.layers, shape.encoder.heads) == trunk
    graph = embed(modality, shape, IMAGEBIND_OUTPUTS, empty_weights())
    last = f"layer.{trunk[1] - 1}.attention"
    assert graph.tensors[last].shape == (patches + 1, trunk[0])
    # The bias token is one key more than there are queries, in every layer that has one.
    key = next(o for o in graph.operators if o.name == last).inputs[1]
    assert graph.tensors[key].shape[0] == patches + 1 + (modality != "image")


def test_clip_and_vilbert_have_the_published_parameters() -> None:
    """CLIP ViT-B/16 without its scale; two BERTs' layers and six connections of 1024."""
    count = 0
    for modality in CLIP.values():
        graph = embed("tower", modality, 512, empty_weights())
        count += sum(x.size for n, x in graph.constants.items() if not n.endswith(".zeros"))
    assert count == 149_620_736
    graph = vilbert("vilbert", VILBERT, empty_weights())
    kinds = [o.name for o in graph.operators if o.kind == "attention"]
    assert len(kinds) == 12 + 6 + 2 * 6
    assert kinds.index("connection.0.text.attention") == 6
    assert kinds[-2:] == ["text.layer.11.attention", "image.layer.5.attention"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_are_described(name: str) -> None:
    graph = PUBLISHED[name]()
    sizes = describe(graph, dict.fromkeys(length_names(graph), 20))
    assert [size.name for size in sizes] == [o.name for o in graph.operators]
    assert sum(size.macs for size in sizes) > 100_000
    weights = sum(x.size for n, x in graph.constants.items() if not n.endswith(".zeros"))
    known = {"kwt1": 607_308, "mhatt_rnn": 756_711, "vit": 86_567_656}
    assert weights == known.get(name, weights)


def test_co_attention_asks_with_one_stream_and_reads_the_other() -> None:
    graph = network("vilbert")
    made_by = {o.name: o.inputs[0] for o in graph.operators}
    attention = {o.name: o for o in graph.operators if o.kind == "attention"}
    for ours, theirs in (("text", "image"), ("image", "text")):
        query, key, value = attention[f"connection.0.{ours}.attention"].inputs
        assert made_by[query].startswith(f"{ours}.")
        assert made_by[key] == made_by[value]
        assert made_by[key].startswith(f"{theirs}.")
        assert graph.tensors[query].shape[-1] == TWO_STREAMS.width
    changed = {**sample(graph, 1), "boxes": np.ones((5, 5))}
    first = "connection.0.text.attention"
    before, after = (run_real(graph, x)[first] for x in (sample(graph, 1), changed))
    assert np.abs(before - after).max() > 1e-3


def test_retrieval_ranks_as_a_sort_does() -> None:
    rng = np.random.default_rng(3)

    def vectors(count: int) -> np.ndarray:
        x = rng.normal(0, 1, (count, 32))
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    graph = retrieval("search", 32, scale=20.0, k=5)
    samples = [{"queries": vectors(6), "gallery": vectors(50)} for _ in range(3)]
    integer = quantize_network(graph, samples)
    given = {"queries": vectors(6), "gallery": vectors(50)}
    real = run_real(graph, given)
    order = np.argsort(-(given["queries"] @ given["gallery"].T), axis=1, kind="stable")[:, :5]
    assert (real["indices"] == order).all()
    values = run_integer(integer, quantize_inputs(integer, given))
    order = np.argsort(-values["scores"], axis=1, kind="stable")[:, :5]
    assert (values["indices"] == order).all()
    assert cosine(values["scores"], real["scores"]) > 0.999
    assert (values["indices"][:, 0] == real["indices"][:, 0]).mean() > 0.8


def test_words_are_answered_one_by_one() -> None:
    """The LSTM that sees the image with every word, continued from its states."""
    graph = every_word("neurons", QUESTIONS, random_weights(4))
    integer = quantize_network(graph, [sample(graph, seed) for seed in range(100, 104)])
    given = quantize_inputs(integer, sample(graph, 1))
    whole = run_integer(integer, given)["probabilities"]
    fixed = {name: x for name, x in given.items() if name != "word_ids"}
    growing = Growing(integer, fixed, "word_ids", call_integer)
    rows = [growing.append(piece) for piece in np.split(given["word_ids"], [3, 4])]
    assert (np.concatenate(rows) == whole).all()


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"connections .* not 4"):
        replace(TWO_STREAMS, connections=4)
    with pytest.raises(ValueError, match="width 41 must be a multiple of the 2 heads"):
        replace(TWO_STREAMS, width=41)
