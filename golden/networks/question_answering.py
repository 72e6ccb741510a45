"""Questions about an image, from image features onward: the baselines of visual question answering.

Letters: N words, R regions of the image, E width of a word, F numbers of a feature, H states, A
answers. Image features come from a network that is not part of these.

Sources: Zhou et al., Simple baseline for VQA, 2015 (bag of words); Ma et al., Learning to answer
questions from image using CNN, 2016; Malinowski et al., Ask your neurons, 2015; Antol et al., VQA,
2015; Zhu et al., Visual7W, 2016; Yang et al., Stacked attention networks, 2016.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.layers import Layers

Weights = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class AnswerShape:
    """Sizes; each network uses those that it has."""

    vocabulary: int
    word: int
    features: int
    states: int
    answers: int
    regions: int = 196
    layers: int = 2


def bag_of_words(name: str, shape: AnswerShape, weights: Weights) -> Graph:
    """``y = softmax(W [sum_t E w_t ; f] + b)``; ``bag`` (1, V) counts the words, f is ``image``."""
    graph, layers = _start(name, weights)
    bag = graph.input("bag", (1, shape.vocabulary))
    image = graph.input("image", (1, shape.features))
    words = layers.linear("word", bag, shape.word, bias=False)
    return _answer(layers, layers.concat("both", [words, image]), shape)


def convolutional(name: str, shape: AnswerShape, weights: Weights) -> Graph:
    """Sentence: three times ``max_pool(relu(conv))`` of three words; with the image, one more.

    ``v_n = relu(W [s_n ; image ; s_(n+1)] + b)``, then the largest over n, (1, A). Questions are
    padded to 32 words, which three halvings leave four of.
    """
    graph, layers = _start(name, weights)
    x = layers.lookup("word", graph.input("word_ids", (32,)), (shape.vocabulary, shape.word))
    image = graph.input("image", (1, shape.features))
    for index in range(3):
        part = f"sentence.{index}"
        x = layers.windows(f"{part}.windows", x, (3,), (1,), ((1, 1),))
        x = layers.same("relu", f"{part}.active", layers.linear(part, x, shape.states))
        x = layers.max_pool(f"{part}.pooled", x, 2)
    pairs = layers.windows("pairs", x, (2,), (1,), ((0, 0),))
    joined = layers.linear("pairs.linear", pairs, shape.states)
    seen = layers.linear("image.linear", image, shape.states, bias=False)
    x = layers.same("relu", "joined.active", layers.add("joined", joined, seen))
    return _answer(layers, layers.max_pool("joined.pooled", x, None), shape)


def every_word(name: str, shape: AnswerShape, weights: Weights) -> Graph:
    """``LSTM([x_n, image])`` over question and answer so far: the next word, (N, V).

    ``h`` and ``c`` (1, H) are its states before the first word: zeros, or where it stopped.
    """
    graph, layers = _start(name, weights)
    x = layers.lookup("word", graph.input("word_ids", ("words",)), (shape.vocabulary, shape.word))
    image = graph.input("image", (1, shape.features))
    states = [graph.input(part, (1, shape.states)) for part in ("h", "c")]
    gates = layers.linear("word.gates", x, 4 * shape.states)
    gates = layers.add("gates", gates, layers.linear("image.gates", image, 4 * shape.states))
    weight = layers.constant("state.weight", (shape.states, 4 * shape.states))
    size = ("words", shape.states)
    state = graph.apply(
        "lstm",
        "state",
        gates,
        weight,
        *states,
        shape=size,
        spec={"cells": True},
        further_outputs={"cell": {"shape": size}},
    )
    logits = layers.linear("logits", state, shape.vocabulary)
    return graph.finish(layers.same("softmax", "probabilities", logits))


def pointwise(name: str, shape: AnswerShape, weights: Weights) -> Graph:
    """``h = tanh(Wq q) * tanh(Wi i)``: q the last states of every LSTM layer, i the image's unit
    vector; two dense layers, (1, A).
    """
    graph, layers = _start(name, weights)
    x = layers.lookup("word", graph.input("word_ids", ("words",)), (shape.vocabulary, shape.word))
    image = graph.input("image", (1, shape.features))
    last = []
    for index in range(shape.layers):
        part = f"question.{index}"
        x = layers.recurrent(part, x, "lstm", width=shape.states, cells=True)
        for tensor in (x, f"{part}.cells"):
            row = layers.rows(f"{tensor}.last", tensor, -1, None)
            last.append(layers.same("rescale", f"{tensor}.question", row))
    question = layers.linear("question.linear", layers.concat("question", last), shape.states)
    image = layers.same("l2_normalize", "image.unit", image)
    image = layers.linear("image.linear", image, shape.states)
    both = [layers.same("tanh", f"{part}.active", x)
            for part, x in (("question", question), ("image", image))]  # fmt: skip
    fused = layers.same("multiply", "fused", *both)
    hidden = layers.same("tanh", "hidden.active", layers.linear("hidden", fused, shape.states))
    return _answer(layers, hidden, shape)


def spatial_attention(name: str, shape: AnswerShape, weights: Weights) -> Graph:
    """``LSTM([x_n, r_n])`` with ``r_n`` what additive attention by ``h_(n-1)`` sees in the image.

    ``regions`` (R, F); the last state answers, (1, A).
    """
    graph, layers = _start(name, weights)
    x = layers.lookup("word", graph.input("word_ids", ("words",)), (shape.vocabulary, shape.word))
    regions = graph.input("regions", (shape.regions, shape.features))
    key = layers.linear("key", regions, shape.states)
    gates = layers.linear("gates", x, 4 * shape.states)
    zeros = [graph.constant(f"{part}.start", np.zeros((1, shape.states))) for part in ("h", "c")]
    weight = [
        layers.constant(f"{part}.weight", (rows, columns * shape.states))
        for part, rows, columns in (
            ("query", shape.states, 1),
            ("context", shape.features, 4),
            ("state", shape.states, 4),
        )
    ]
    energy = layers.constant("attention.energy", (shape.states,))
    size = ("words", shape.states)
    state = graph.apply(
        "attention_recurrent",
        "state",
        gates,
        key,
        regions,
        *zeros,
        *weight,
        energy,
        shape=size,
        spec={"cell": "lstm", "score": "additive"},
        further_outputs={
            "cell": {"shape": size},
            "seen": {"shape": ("words", shape.features)},
        },
    )
    return _answer(layers, layers.rows("question", state, -1, None), shape)


def stacked_attention(name: str, shape: AnswerShape, weights: Weights) -> Graph:
    """``u' = sum_r p_r v_r + u`` with ``p = softmax(w tanh(Wv v + Wu u + b))``, ``layers`` times.

    v = tanh(Wi regions), u at first the question's last state; (1, A).
    """
    graph, layers = _start(name, weights)
    x = layers.lookup("word", graph.input("word_ids", ("words",)), (shape.vocabulary, shape.word))
    regions = graph.input("regions", (shape.regions, shape.features))
    value = layers.linear("value.linear", regions, shape.states)
    value = layers.same("tanh", "value", value)
    hidden = layers.recurrent("question", x, "lstm", width=shape.states)
    u = layers.rows("question.last", hidden, -1, None)
    u = layers.same("rescale", "question.vector", u)
    for index in range(shape.layers):
        part = f"attention.{index}"
        key = layers.linear(f"{part}.key", value, shape.states, bias=False)
        query = layers.linear(f"{part}.query", u, shape.states)
        energy = layers.constant(f"{part}.energy", (shape.states,))
        seen = graph.apply(
            "additive_attention", part, query, key, value, energy, shape=(1, shape.states)
        )
        u = layers.add(f"{part}.sum", u, layers.same("rescale", f"{part}.seen", seen))
    return _answer(layers, u, shape)


BASELINES: dict[str, Callable[[str, AnswerShape, Weights], Graph]] = {
    "bag_of_words": bag_of_words,
    "convolutional": convolutional,
    "every_word": every_word,
    "pointwise": pointwise,
    "spatial_attention": spatial_attention,
    "stacked_attention": stacked_attention,
}


def _start(name: str, weights: Weights) -> tuple[GraphBuilder, Layers]:
    graph = GraphBuilder(name)
    return graph, Layers(graph, weights)


def _answer(layers: Layers, x: str, shape: AnswerShape) -> Graph:
    logits = layers.linear("answer", x, shape.answers)
    return layers.graph.finish(layers.same("softmax", "probabilities", logits))
