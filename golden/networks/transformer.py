"""The Transformer as graphs of real operators: sentence encoder, encoder-decoder.

Letters: N tokens, D width, F feed-forward width. Post-norm, as published:

    h = layer_norm(word[ids] + position)                                        (N, D)
    for each layer:
        h = layer_norm(h + output(attention(query(h), key(s), value(s))))       (N, D)
        h = layer_norm(h + feed_forward_out(gelu(feed_forward_in(h))))          (N, F) inside

with s = h in self-attention, causal in a decoder, and s = the encoder's result in the
cross-attention between a decoder's two steps. Pre-norm puts the layer norm on what enters a block,
``h + block(layer_norm(h))``, and one more at the end.

Source: Vaswani et al., Attention is all you need, 2017.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.layers import Layers
from golden.spec import require_range


@dataclass(frozen=True, kw_only=True)
class EncoderShape:
    """Sizes of a stack, and what its layer norms add to the variance."""

    layers: int
    width: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    epsilon: float = 1e-12
    activation: str = "gelu"
    norm: str = "post"

    def __post_init__(self) -> None:
        for name in ("layers", "width", "heads", "feed_forward", "vocabulary", "positions"):
            require_range(name, getattr(self, name), 1, 1 << 24)
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of the {self.heads} heads")
        if self.norm not in {"post", "pre"}:
            raise ValueError(f"norm must be 'post' or 'pre', not {self.norm!r}")


def sentence_encoder(name: str, shape: EncoderShape, weights: Mapping[str, np.ndarray]) -> Graph:
    """``token_ids`` to one unit vector; weights are named as the operators, matrices (K, M)."""
    graph = GraphBuilder(name)
    stack = Stack(graph, shape, weights, "tokens")
    hidden = stack.embedding("", graph.input("token_ids", ("tokens",)))
    for layer in range(shape.layers):
        hidden = stack.attention(f"layer.{layer}", hidden, hidden)
        hidden = stack.feed_forward(f"layer.{layer}", hidden)
    hidden = stack.finish("", hidden)
    pooled = graph.apply("mean_pool", "pooled", hidden, shape=(shape.width,))
    return graph.finish(graph.apply("l2_normalize", "sentence", pooled, shape=(shape.width,)))


def encoder_decoder(name: str, shape: EncoderShape, weights: Mapping[str, np.ndarray]) -> Graph:
    """``source_ids``, ``source_mask`` and ``target_ids`` to the next token's probabilities, (N, V).

    ``source_mask`` (T,) is true for tokens and false for padding. Row n of the result follows
    target token n and depends on no later one.
    """
    graph = GraphBuilder(name)
    ids, mask = graph.input("source_ids", ("source",)), graph.input("source_mask", ("source",))
    encoder = Stack(graph, shape, weights, "source")
    source = encoder.embedding("encoder.", ids)
    for layer in range(shape.layers):
        source = encoder.attention(f"encoder.{layer}", source, source, mask)
        source = encoder.feed_forward(f"encoder.{layer}", source)
    source = encoder.finish("encoder.", source)

    decoder = Stack(graph, shape, weights, "target")
    hidden = decoder.embedding("decoder.", graph.input("target_ids", ("target",)))
    for layer in range(shape.layers):
        hidden = decoder.attention(f"decoder.{layer}.self", hidden, hidden, causal=True)
        hidden = decoder.attention(f"decoder.{layer}.cross", hidden, source, mask)
        hidden = decoder.feed_forward(f"decoder.{layer}", hidden)
    logits = decoder.linear("logits", decoder.finish("decoder.", hidden))
    return graph.finish(
        graph.apply("softmax", "probabilities", logits, shape=("target", shape.vocabulary))
    )


class Stack(Layers):
    """The parts of an encoder or decoder, each appended to ``graph``; ``rows`` names its length."""

    def __init__(
        self,
        graph: GraphBuilder,
        shape: EncoderShape,
        weights: Mapping[str, np.ndarray],
        rows: str | int,
    ) -> None:
        super().__init__(graph, weights)
        self._shape = shape
        self._size = (rows, shape.width)

    def embedding(self, prefix: str, ids: str) -> str:
        """``word[ids] + position``, normalised in a post-norm network."""
        tables = [self.constant(f"{prefix}{name}.table") for name in ("word", "position")]
        word = self._apply("embedding", f"{prefix}word", ids, tables[0])
        place = self._apply("position", f"{prefix}position", word, tables[1])
        total = self._apply("residual_add", f"{prefix}embedding.sum", word, place)
        return self._norm_after(f"{prefix}embedding", total)

    def attention(
        self, name: str, hidden: str, source: str, mask: str | None = None, causal: bool = False
    ) -> str:
        """Attention from ``hidden`` to ``source`` with its residual; N and T rows."""
        x = self._norm_before(f"{name}.attention", hidden)
        seen = x if source == hidden else source
        query = self.linear(f"{name}.query", x)
        key, value = (self.linear(f"{name}.{part}", seen) for part in ("key", "value"))
        masks = () if mask is None else (mask,)
        spec = {"heads": self._shape.heads, "causal": causal}
        context = self._apply(
            "attention", f"{name}.attention", query, key, value, *masks, spec=spec
        )
        output = self.linear(f"{name}.output", context)
        total = self._apply("residual_add", f"{name}.attention.sum", hidden, output)
        return self._norm_after(f"{name}.attention", total)

    def feed_forward(self, name: str, hidden: str) -> str:
        """Two linears and an activation between them, with the residual."""
        x = self._norm_before(f"{name}.feed_forward", hidden)
        inner = self.linear(f"{name}.feed_forward_in", x)
        size = (self._size[0], self._shape.feed_forward)
        active = self.graph.apply(self._shape.activation, f"{name}.activation", inner, shape=size)
        output = self.linear(f"{name}.feed_forward_out", active)
        total = self._apply("residual_add", f"{name}.feed_forward.sum", hidden, output)
        return self._norm_after(f"{name}.feed_forward", total)

    def finish(self, prefix: str, hidden: str) -> str:
        """What follows the last layer: a layer norm in a pre-norm network."""
        return self._norm_before(f"{prefix}final", hidden)

    def _norm_before(self, name: str, x: str) -> str:
        return self._norm(name, x) if self._shape.norm == "pre" else x

    def _norm_after(self, name: str, x: str) -> str:
        return self._norm(name, x) if self._shape.norm == "post" else x

    def _norm(self, name: str, x: str) -> str:
        return self.layer_norm(name, x, self._shape.epsilon)

    def _apply(
        self, kind: str, name: str, *inputs: str, spec: Mapping[str, object] | None = None
    ) -> str:
        return self.graph.apply(kind, name, *inputs, shape=self._size, spec=spec)
