"""Networks of published sizes without their weights, for what depends on sizes only: cycles."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.instances import sample
from golden.networks.keyword import keyword_transformer, kwt_shape
from golden.networks.patches import patch_encoder
from golden.networks.published import BERT, VIT, VIT_PATCHES
from golden.networks.transformer import EncoderShape, Stack, sentence_encoder
from golden.networks.vision_language import VILBERT, VisualBertShape, vilbert, visual_bert
from golden.networks.weights import MadeWeights
from golden.quantize import quantize_network
from hw.accelerator.machine import Machine
from sim.accelerator.networks import Loaded, settings

GPT2 = replace(BERT, vocabulary=50257, positions=1024, epsilon=1e-5, norm="pre")

LENGTH = 2
"""Tokens of the inputs that decide the scales: any do."""


def gpt2(name: str, shape: EncoderShape, weights: Mapping[str, np.ndarray]) -> Graph:
    """``token_ids`` (N,) to the scores of what follows the last one, (1, vocabulary)."""
    graph = GraphBuilder(name)
    stack = Stack(graph, shape, weights, "tokens")
    hidden = stack.embedding("", graph.input("token_ids", ("tokens",)))
    hidden = stack.finish("", stack.layers("", hidden, causal=True))
    last = stack.rows("last", hidden, -1, None)
    return graph.finish(stack.linear("logits", last, shape.vocabulary, bias=False))


PUBLISHED: dict[str, Callable[[Mapping[str, np.ndarray]], Graph]] = {
    "bert-base": partial(sentence_encoder, "bert-base", BERT),
    "gpt2-small": partial(gpt2, "gpt2-small", GPT2),
    "kwt3": partial(keyword_transformer, "kwt3", kwt_shape(3)),
    "vit-base": partial(patch_encoder, "vit-base", VIT_PATCHES, VIT),
    "visual_bert-base": partial(visual_bert, "visual_bert-base", VisualBertShape(encoder=BERT)),
    "vilbert-base": partial(vilbert, "vilbert-base", VILBERT),
}


def made_weights() -> MadeWeights:
    """The same noise for every matrix: nothing that the cycles depend on."""
    noise = np.random.default_rng(0).normal(0, 1, 1 << 16).astype(np.float32)

    def make(name: str, shape: tuple[int, ...]) -> np.ndarray:
        kind = name.rpartition(".")[2]
        if kind in {"gain", "variance"}:
            return np.ones(shape, np.float32)
        spread = shape[0] ** -0.5 if kind == "weight" else 0.1
        return np.resize(noise * np.float32(spread), prod(shape)).reshape(shape)

    return MadeWeights(make)


def load_published(name: str, machine: Machine, longest: int, attention: str = "engine") -> Loaded:
    """The integer network of that name, for inputs of up to ``longest``."""
    graph = PUBLISHED[name](made_weights())
    integer = quantize_network(graph, [sample(graph, 0, LENGTH)], settings(machine, attention))
    names = {size for one in integer.inputs for size in integer.tensors[one].shape}
    return Loaded(
        graph=integer, maximums={size: longest for size in names if isinstance(size, str)}
    )
