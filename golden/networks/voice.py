"""Voice detector: convolutions over each chunk's spectrum, an LSTM over chunks.

Letters: T chunks, F bands, H states.

    x_t = relu(conv), four times, from 4 frames of a chunk to 1      (4, F) -> (H,)
    h_t, c_t = LSTM(x_t, h_(t-1), c_(t-1))                           (T, H)
    p_t = sigmoid(relu(h_t) w + b)                                   (T, 1)

The first state is an input and the last one is among the tensors, so that a sound may go on in
another run.

Source: Silero VAD 6 at 16 kHz, https://github.com/snakers4/silero-vad.
"""

from collections.abc import Mapping

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.layers import Layers

FRAMES = 4


def voice_detector(name: str, weights: Mapping[str, np.ndarray]) -> Graph:
    """``input`` (T, 4, F), ``hidden`` (1, H) and ``cell`` (1, H) to the probability, (T, 1).

    The states that follow are the last rows of the tensors ``recurrent`` and ``recurrent.cells``.
    """
    graph = GraphBuilder(name)
    layers = Layers(graph, weights)
    states = len(weights["recurrent.state.weight"])
    bands = len(weights["convolution.0.weight"]) // 3
    x = graph.input("input", ("chunks", FRAMES, bands))
    hidden = graph.input("hidden", (1, states))
    cell = graph.input("cell", (1, states))

    x = _convolution(layers, "convolution.0", x, taps=3, stride=1, zeros=(1, 1))
    x = _convolution(layers, "convolution.1", x, taps=3, stride=2, zeros=(1, 0))
    # Of three taps on two frames, and on one, the others would meet zeros alone.
    x = _convolution(layers, "convolution.2", x, taps=2, stride=1, zeros=(0, 0))
    x = _convolution(layers, "convolution.3", x, taps=1, stride=1, zeros=(0, 0))
    x = layers.reshape("chunks", x, ("chunks", states))
    x = layers.recurrent("recurrent", x, "lstm", hidden, cell, cells=True)
    x = layers.same("relu", "active", layers.same("rescale", "state", x))
    return graph.finish(layers.same("sigmoid", "probability", layers.linear("output", x)))


def _convolution(
    layers: Layers, name: str, x: str, taps: int, stride: int, zeros: tuple[int, int]
) -> str:
    """``relu(conv(x))`` over the frames of each chunk."""
    x = layers.windows(f"{name}.windows", x, (1, taps), (1, stride), ((0, 0), zeros))
    return layers.same("relu", f"{name}.active", layers.linear(name, x))
