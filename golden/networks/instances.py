"""Small instances of every network, with weights that nobody trained, and inputs for them.

Tests and ``python -m golden networks`` run these in floats and in integers.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from golden.graph import Graph
from golden.networks.clip import CLIP, IMAGEBIND, Modality, embed, retrieval
from golden.networks.keyword import (
    ATT_RNN,
    MHATT_RNN,
    attention_rnn,
    keyword_transformer,
    kwt_shape,
)
from golden.networks.layers import GATES
from golden.networks.patches import PatchShape, patch_encoder
from golden.networks.question_answering import BASELINES, AnswerShape
from golden.networks.sequence_to_sequence import SequenceShape, sequence_to_sequence
from golden.networks.transformer import EncoderShape, encoder_decoder, sentence_encoder
from golden.networks.vision_language import VilbertShape, VisualBertShape, vilbert, visual_bert
from golden.networks.weights import random_weights

Weights = Mapping[str, np.ndarray]

VOCABULARY, FEATURES, REGIONS, ANSWERS = 15, 24, 5, 12
BERT = EncoderShape(
    layers=2, width=32, heads=2, feed_forward=64, vocabulary=VOCABULARY, positions=20
)
TRANSLATOR = replace(BERT, positions=30, epsilon=1e-6, activation="relu")
ENCODER = replace(BERT, positions=99, epsilon=1e-6, norm="pre")
IMAGE = PatchShape(size=(24, 16), channels=3, kernel=(8, 8), stride=(8, 8), outputs=10)
OVERLAPPING = replace(IMAGE, stride=(4, 8), class_tokens=2, input_norm=True, patch_bias=False)
ONE_STREAM = VisualBertShape(encoder=BERT, features=FEATURES, regions=REGIONS, answers=ANSWERS)
TWO_STREAMS = VilbertShape(
    text=replace(BERT, layers=4),
    image=EncoderShape(layers=3, width=48, heads=3, feed_forward=48, positions=REGIONS),
    connections=2,
    width=40,
    heads=2,
    features=FEATURES,
    regions=REGIONS,
    answers=ANSWERS,
)
QUESTIONS = AnswerShape(
    vocabulary=VOCABULARY, word=16, features=FEATURES, states=16, answers=ANSWERS, regions=14
)
SEQUENCES = {
    "gru last": SequenceShape(),
    "rnn last": SequenceShape(cell="rnn"),
    "lstm last, 2 layers": SequenceShape(cell="lstm", layers=2),
    "gru additive": SequenceShape(attention="additive", bidirectional=True, reset_after=True),
    "gru dot, 2 layers": SequenceShape(attention="dot", layers=2),
    "lstm additive": SequenceShape(cell="lstm", attention="additive"),
    "rnn dot": SequenceShape(cell="rnn", attention="dot", bidirectional=True),
}


def sample(graph: Graph, seed: int, length: int = 9) -> dict[str, np.ndarray]:
    """Inputs by their names; ``length`` for those that have no number.

    Token ids, padding at the end, counts of words, states of zeros, unit vectors, and features that
    change slowly from row to row, as sounds and images do.
    """
    rng = np.random.default_rng(seed)
    given: dict[str, np.ndarray] = {}
    for name in graph.inputs:
        shape = tuple(length if isinstance(n, str) else n for n in graph.tensors[name].shape)
        if name.endswith("ids"):
            given[name] = rng.integers(0, VOCABULARY, shape)
        elif name.endswith("mask"):
            given[name] = np.arange(length) < length - seed % 3
        elif name == "bag":
            given[name] = rng.poisson(0.2, shape).astype(float)
        elif name in {"h", "c"}:
            given[name] = np.zeros(shape)
        elif name == "input":
            given[name] = np.cumsum(rng.normal(0, 0.3, shape), axis=0)
        elif name in {"queries", "gallery"}:
            x = rng.normal(0, 1, shape)
            given[name] = x / np.linalg.norm(x, axis=1, keepdims=True)
        else:
            given[name] = rng.normal(0, 1, shape)
    return given


def compared(graph: Graph) -> str:
    """The tensor whose cosine tells: the output, or what goes into its softmax or top-k.

    Networks that nobody trained hardly prefer a class, so their probabilities are all alike.
    """
    last = graph.operators[-1]
    return last.inputs[0] if last.kind in {"softmax", "top_k"} else last.name


def sequence_weights(shape: SequenceShape) -> dict[str, np.ndarray]:
    """Weights of a small encoder-decoder, whose widths come from them."""
    rng = np.random.default_rng(6)
    made: dict[str, np.ndarray] = {}
    inputs, states, columns = 12, 16, 16
    gates, both = GATES[shape.cell] * states, states * (2 if shape.bidirectional else 1)

    def matrix(name: str, rows: int, columns: int, gain: float = 1.0, bias: bool = True) -> None:
        made[f"{name}.weight"] = rng.normal(0, gain * rows**-0.5, (rows, columns))
        if bias:
            made[f"{name}.bias"] = rng.normal(0, 0.2, columns)

    for part in ("encoder", "decoder"):
        made[f"{part}.word.table"] = rng.normal(0, 1, (VOCABULARY, inputs))
    for index in range(shape.layers):
        for direction in (".forward", ".backward") if shape.bidirectional else ("",):
            matrix(f"encoder.{index}{direction}.gates", both if index else inputs, gates)
            matrix(f"encoder.{index}{direction}.state", states, gates, 0.8)
        for name in ("start", "start.cell"):
            matrix(f"decoder.{index}.{name}.linear", both, states)
        matrix(f"decoder.{index}.gates", states if index else inputs, gates)
        matrix(f"decoder.{index}.state", states, gates, 0.8)
    matrix("decoder.0.input", inputs, gates)
    matrix("decoder.0.context", both, gates)
    matrix("decoder.0.query", states, columns, 2.0, bias=False)
    matrix("decoder.key", both, columns, 2.0, bias=False)
    made["decoder.energy"] = rng.normal(0, 1, columns)
    matrix("logits", states, VOCABULARY, 3.0)
    return made


def word_network(name: str) -> Graph:
    """The encoder-decoder of recurrent cells of that name."""
    return sequence_to_sequence("words", SEQUENCES[name], sequence_weights(SEQUENCES[name]))


def _with_noise(make: Callable[[Weights], Graph]) -> Graph:
    return make(random_weights(4))


def _small(modality: Modality) -> Modality:
    """The same tower, three patches a side at most, two layers of 32."""
    patch = modality.patch
    if patch is not None:
        sides = zip(patch.kernel, patch.stride, strict=True)
        patch = replace(patch, size=tuple(k + 2 * s for k, s in sides), outputs=FEATURES)
    encoder = replace(
        modality.encoder,
        layers=2,
        width=32,
        heads=2,
        feed_forward=64,
        vocabulary=VOCABULARY,
        positions=20 if patch is None else patch.tokens,
    )
    return replace(modality, patch=patch, encoder=encoder)


TOWERS = {
    f"{family} {name}": _small(modality)
    for family, towers in (("clip", CLIP), ("imagebind", IMAGEBIND))
    for name, modality in towers.items()
}

KEYWORDS: dict[str, Callable[[Weights], Graph]] = {
    "kwt": partial(keyword_transformer, "kwt", kwt_shape(2, layers=2)),
    "att_rnn": partial(attention_rnn, "att_rnn", replace(ATT_RNN, frames=30, states=16)),
    "mhatt_rnn": partial(
        attention_rnn, "mhatt_rnn", replace(MHATT_RNN, frames=30, query_frame=15, states=16)
    ),
    "vit": partial(patch_encoder, "vit", IMAGE, ENCODER),
    "vit, overlapping": partial(patch_encoder, "overlapping", OVERLAPPING, ENCODER),
    "vit, linear attention": partial(
        patch_encoder, "linear", IMAGE, replace(ENCODER, kind="linear")
    ),
    "vit, bias token": partial(patch_encoder, "bias", IMAGE, replace(ENCODER, bias_token=True)),
}
"""Networks of sounds and images."""

MULTIMODAL: dict[str, Callable[[Weights], Graph]] = {
    **{name: partial(embed, "tower", modality, FEATURES) for name, modality in TOWERS.items()},
    "visual_bert": partial(visual_bert, "visual_bert", ONE_STREAM),
    "vilbert": partial(vilbert, "vilbert", TWO_STREAMS),
    **{name: partial(make, "baseline", QUESTIONS) for name, make in BASELINES.items()},
}
"""Networks of images and text."""

TRANSFORMERS: dict[str, Callable[[Weights], Graph]] = {
    "sentence encoder": partial(sentence_encoder, "sentence", BERT),
    "translator, post-norm": partial(encoder_decoder, "translator", TRANSLATOR),
    "translator, pre-norm": partial(encoder_decoder, "translator", replace(TRANSLATOR, norm="pre")),
    "translator, linear attention": partial(
        encoder_decoder, "translator", replace(TRANSLATOR, kind="linear")
    ),
    "translator, bias token": partial(
        encoder_decoder, "translator", replace(TRANSLATOR, bias_token=True)
    ),
    "kwt, delta": partial(keyword_transformer, "kwt", kwt_shape(1, layers=2, delta=0.1)),
}
"""Stacks of attention."""

INSTANCES: dict[str, Callable[[], Graph]] = {
    **{
        name: partial(_with_noise, make)
        for name, make in (TRANSFORMERS | KEYWORDS | MULTIMODAL).items()
    },
    **{f"words, {name}": partial(word_network, name) for name in SEQUENCES},
    "retrieval": partial(retrieval, "retrieval", 32, scale=20.0, k=5),
}
"""All of them by name."""
