"""Encoder-decoder of recurrent cells: the last state, additive attention, scaled dot attention.

Letters: T source tokens, N target tokens, H states, A width of queries and keys, V vocabulary.

    h_t  = cell(word[source_t], h_(t-1))                 keys k_t = h_t Wk, once per sentence
    s_0  = h_T of the same layer, or tanh of a linear of both directions' last states
    c_n  = h_T of the top layer, nothing, or attention(s_(n-1) Wq, k, h)
    s_n  = cell([word[target_n], c_n], s_(n-1))
    o_n  = softmax(s_n Ws + b)

Source: Sutskever et al., 2014 (no context); Cho et al., 2014 (last state); Bahdanau et al., 2015
(additive); Zhang et al., Dive into Deep Learning, chapters 10 and 11, whose conventions these are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.layers import GATES, Layers
from golden.spec import require_range

ATTENTIONS = ("none", "additive", "dot")


@dataclass(frozen=True, kw_only=True)
class SequenceShape:
    """Cells, attention and layers; widths come from the weights.

    Without ``context`` and attention, the last state only starts the decoder. ``softmax`` tells
    whether the network gives probabilities or what they are made of.
    """

    cell: str = "gru"
    attention: str = "none"
    layers: int = 1
    bidirectional: bool = False
    reset_after: bool = False
    context: bool = True
    softmax: bool = True

    def __post_init__(self) -> None:
        require_range("layers", self.layers, 1, 64)
        if self.cell not in GATES:
            raise ValueError(f"cell must be one of {tuple(GATES)}, not {self.cell!r}")
        if self.attention not in ATTENTIONS:
            raise ValueError(f"attention must be one of {ATTENTIONS}, not {self.attention!r}")
        if self.reset_after and self.cell != "gru":
            raise ValueError(f"reset_after is the GRU's: cell is {self.cell!r}")
        if self.attention != "none" and not self.context:
            raise ValueError(f"attention {self.attention!r} makes a context: leave context on")

    @property
    def spec(self) -> dict[str, bool]:
        """What the cell's operator is told."""
        return {"reset_after": self.reset_after} if self.cell == "gru" else {}


def sequence_to_sequence(
    name: str, shape: SequenceShape, weights: Mapping[str, np.ndarray]
) -> Graph:
    """``source_ids``, with attention ``source_mask``, and ``target_ids`` to probabilities, (N, V).

    Row n of the result follows target token n and depends on no later one. The source of a network
    without attention has no padding: its last state is the sentence.
    """
    graph = GraphBuilder(name)
    layers = Layers(graph, weights)
    source = graph.input("source_ids", ("source",))
    mask = () if shape.attention == "none" else (graph.input("source_mask", ("source",)),)
    target = graph.input("target_ids", ("target",))

    hidden = layers.lookup("encoder.word", source)
    for index in range(shape.layers):
        hidden = _encoder_layer(layers, shape, f"encoder.{index}", hidden)
    lasts = [_last_state(layers, shape, index) for index in range(shape.layers)]
    starts = [_start(layers, shape, index, last) for index, last in enumerate(lasts)]

    x = layers.lookup("decoder.word", target)
    if not shape.context:
        x = _decoder_layer(
            layers, shape, "decoder.0", layers.linear("decoder.0.gates", x), starts[0]
        )
    elif shape.attention == "none":
        context = layers.linear("decoder.0.context", lasts[-1])
        gates = layers.add("decoder.0.gates", layers.linear("decoder.0.input", x), context)
        x = _decoder_layer(layers, shape, "decoder.0", gates, starts[0])
    else:
        x = _attentive_layer(layers, shape, x, hidden, starts[0], mask)
    for index in range(1, shape.layers):
        gates = layers.linear(f"decoder.{index}.gates", x)
        x = _decoder_layer(layers, shape, f"decoder.{index}", gates, starts[index])
    x = layers.linear("logits", x)
    if shape.softmax:
        x = layers.same("softmax", "probabilities", x)
    return graph.finish(x)


def _encoder_layer(layers: Layers, shape: SequenceShape, name: str, x: str) -> str:
    if shape.bidirectional:
        return layers.bidirectional(name, x, shape.cell, **shape.spec)
    return layers.recurrent(name, x, shape.cell, **shape.spec)


def _last_state(layers: Layers, shape: SequenceShape, index: int) -> str:
    """(1, H): a layer's state after the last token; of both directions side by side."""
    name = f"encoder.{index}"
    if not shape.bidirectional:
        return layers.rows(f"{name}.last", name, -1, None)
    forward = layers.rows(f"{name}.forward.last", f"{name}.forward", -1, None)
    backward = layers.rows(f"{name}.backward.last", f"{name}.backward", 0, 1)
    return layers.concat(f"{name}.last", [forward, backward])


def _start(layers: Layers, shape: SequenceShape, index: int, last: str) -> tuple[str, ...]:
    """States before the first target token; of the LSTM h and c, each by a linear of its own."""
    if shape.cell != "lstm" and not shape.bidirectional:
        return (last,)
    names = [f"decoder.{index}.start"] + [f"decoder.{index}.start.cell"] * (shape.cell == "lstm")
    return tuple(layers.same("tanh", name, layers.linear(f"{name}.linear", last)) for name in names)


def _decoder_layer(
    layers: Layers, shape: SequenceShape, name: str, gates: str, states: tuple[str, ...]
) -> str:
    """The cell's scan over given gates."""
    bias = (layers.constant(f"{name}.state.bias"),) if shape.cell == "gru" else ()
    weight = layers.constant(f"{name}.state.weight")
    size = (layers.graph.tensors[gates].shape[0], _states(layers, weight))
    cells = {f"{name}.cells": {"shape": size}} if shape.cell == "lstm" else {}
    return layers.graph.apply(
        shape.cell,
        name,
        gates,
        weight,
        *bias,
        *states,
        shape=size,
        spec={**shape.spec, **({"cells": True} if cells else {})},
        further_outputs=cells,
    )


def _attentive_layer(
    layers: Layers,
    shape: SequenceShape,
    x: str,
    hidden: str,
    states: tuple[str, ...],
    mask: tuple[str, ...],
) -> str:
    """The first decoder layer, which attends to the encoder's states before every step."""
    key = layers.linear("decoder.key", hidden, bias=False)
    gates = layers.linear("decoder.0.gates", x)
    weight = layers.constant("decoder.0.state.weight")
    weights = [layers.constant(f"decoder.0.{name}.weight") for name in ("query", "context")]
    weights.append(weight)
    if shape.cell == "gru":
        weights.append(layers.constant("decoder.0.state.bias"))
    if shape.attention == "additive":
        weights.append(layers.constant("decoder.energy"))
    size = (layers.graph.tensors[gates].shape[0], _states(layers, weight))
    further = {"decoder.0.cells": {"shape": size}} if shape.cell == "lstm" else {}
    values = layers.graph.tensors[hidden].shape[1:]
    return layers.graph.apply(
        "attention_recurrent",
        "decoder.0",
        gates,
        key,
        hidden,
        *states,
        *weights,
        *mask,
        shape=size,
        spec={"cell": shape.cell, "score": shape.attention, "masked": True, **shape.spec},
        further_outputs={**further, "decoder.0.contexts": {"shape": (size[0], *values)}},
    )


def _states(layers: Layers, weight: str) -> int:
    return len(layers.graph.constants[weight])
