"""Keyword spotters: the Keyword Transformer, and recurrent networks with attention over frames.

Letters: T frames, F features of a frame, C classes.

KWT is a patch encoder whose patches are frames. The attention RNNs:

    x = batch_norm(relu(conv)), twice, along time alone              (T, F, 1) -> (T, F)
    x = two bidirectional layers                                     (T, 2 H)
    q = x_t Wq + b of one frame t, one query or several
    c = softmax(q x^T) x, no scale                                   (queries, 2 H)
    o = dense layers of c

Source: Berg et al., Keyword Transformer, 2021; de Andrade et al., A neural attention model for
speech command recognition, 2018; Rybakov et al., Streaming keyword spotting, 2020 (MHAtt-RNN).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.layers import Layers
from golden.networks.patches import PatchShape, patch_encoder
from golden.networks.transformer import EncoderShape

KWT_FRAMES = PatchShape(size=(98,), channels=40, kernel=(1,), stride=(1,), outputs=12)


def kwt_shape(
    heads: int, layers: int = 12, delta: float | None = None, activation: str = "gelu"
) -> EncoderShape:
    """KWT-1, -2 and -3 have 1, 2 and 3 heads of 64: post-norm, projections without bias."""
    return EncoderShape(
        layers=layers,
        width=64 * heads,
        heads=heads,
        feed_forward=256 * heads,
        positions=KWT_FRAMES.tokens,
        epsilon=1e-6,
        activation=activation,
        projection_bias=False,
        delta=delta,
    )


def keyword_transformer(name: str, shape: EncoderShape, weights: Mapping[str, np.ndarray]) -> Graph:
    """``input``, (98, 40) cepstral features, to 12 class scores."""
    return patch_encoder(name, KWT_FRAMES, shape, weights)


@dataclass(frozen=True, kw_only=True)
class KeywordShape:
    """An attention RNN: its cell, the frame that asks, the queries, the dense layers after it.

    ``softmax`` tells whether the last layer gives probabilities.
    """

    frames: int = 98
    features: int = 40
    filters: int = 10
    cell: str = "gru"
    states: int = 128
    query_frame: int = 49
    queries: int = 4
    dense: tuple[int, ...] = (64, 12)
    relu: tuple[bool, ...] = (True, False)
    softmax: bool = False

    def __post_init__(self) -> None:
        if len(self.dense) != len(self.relu):
            raise ValueError(f"dense and relu must be as long, not {self.dense} and {self.relu}")
        if not -self.frames <= self.query_frame < self.frames:
            raise ValueError(f"query_frame {self.query_frame} is none of the {self.frames} frames")


MHATT_RNN = KeywordShape()
# The released network asks with its last frame; 125 frames of 80 mel bands, 36 classes.
ATT_RNN = KeywordShape(
    frames=125,
    features=80,
    cell="lstm",
    states=64,
    query_frame=-1,
    queries=1,
    dense=(64, 32, 36),
    relu=(True, False, False),
    softmax=True,
)


def attention_rnn(name: str, shape: KeywordShape, weights: Mapping[str, np.ndarray]) -> Graph:
    """``input``, (T, F), to the scores or probabilities of the classes, (1, C)."""
    graph = GraphBuilder(name)
    layers = Layers(graph, weights)
    x = graph.input("input", (shape.frames, shape.features))
    x = layers.reshape("image", x, (shape.frames, shape.features, 1))
    for index, filters in enumerate((shape.filters, 1)):
        x = _convolution(layers, f"convolution.{index}", x, filters)
    x = layers.reshape("frames", x, (shape.frames, shape.features))
    after = {"reset_after": True} if shape.cell == "gru" else {}
    for index in range(2):
        x = layers.bidirectional(f"recurrent.{index}", x, shape.cell, shape.states, **after)

    width = 2 * shape.states
    frame = shape.query_frame % shape.frames
    asking = layers.rows("asking", x, frame, frame + 1)
    query = layers.linear("query", asking, shape.queries * width)
    query = layers.reshape("queries", query, (shape.queries, width))
    context = layers.same("attention", "attention", query, x, x, heads=1, scale=1.0)
    context = layers.reshape("context", context, (1, shape.queries * width))
    for index, (columns, relu) in enumerate(zip(shape.dense, shape.relu, strict=True)):
        context = layers.linear(f"dense.{index}", context, columns)
        if relu:
            context = layers.same("relu", f"dense.{index}.active", context)
    if shape.softmax:
        context = layers.same("softmax", "probabilities", context)
    return graph.finish(context)


def _convolution(layers: Layers, name: str, x: str, filters: int) -> str:
    """Five frames at a time, each feature apart: ``batch_norm(relu(conv(x)))``."""
    x = layers.windows(f"{name}.windows", x, (5, 1), (1, 1), ((2, 2), (0, 0)))
    x = layers.same("relu", f"{name}.active", layers.linear(name, x, filters))
    return layers.batch_norm(name, x)
