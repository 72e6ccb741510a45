"""The Transformer's encoder, post-norm, as a graph of real operators.

Letters: N tokens, D width, H heads, F feed-forward width.

    h = layer_norm(word[ids] + position)                                        (N, D)
    for each layer:
        h = layer_norm(h + output(attention(query(h), key(h), value(h))))       (N, D)
        h = layer_norm(h + feed_forward_out(gelu(feed_forward_in(h))))          (N, F) inside
    sentence = l2_normalize(mean_pool(h))                                       (D,)

Source: Vaswani et al., Attention is all you need, 2017; BERT's arrangement of the layer norms.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.spec import require_range

TOKENS = "tokens"


@dataclass(frozen=True, kw_only=True)
class EncoderShape:
    """Sizes of an encoder, and what its layer norms add to the variance."""

    layers: int
    width: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    epsilon: float = 1e-12
    activation: str = "gelu"

    def __post_init__(self) -> None:
        for name in ("layers", "width", "heads", "feed_forward", "vocabulary", "positions"):
            require_range(name, getattr(self, name), 1, 1 << 24)
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of the {self.heads} heads")


def sentence_encoder(name: str, shape: EncoderShape, weights: Mapping[str, np.ndarray]) -> Graph:
    """Token ids to one unit vector; weights are named as the operators, matrices are ``(K, M)``."""
    build = EncoderBuilder(name, shape, weights)
    ids = build.graph.input("token_ids", (TOKENS,))
    hidden = build.embedding(ids)
    for layer in range(shape.layers):
        hidden = build.layer(f"layer.{layer}", hidden)
    pooled = build.graph.apply("mean_pool", "pooled", hidden, shape=(shape.width,))
    sentence = build.graph.apply("l2_normalize", "sentence", pooled, shape=(shape.width,))
    return build.graph.finish(sentence)


class EncoderBuilder:
    """The parts of an encoder, each appended to ``graph``."""

    def __init__(self, name: str, shape: EncoderShape, weights: Mapping[str, np.ndarray]) -> None:
        self.graph = GraphBuilder(name)
        self.shape = shape
        self._weights = weights

    def embedding(self, ids: str) -> str:
        """``layer_norm(word[ids] + position)``."""
        size = (TOKENS, self.shape.width)
        apply = self.graph.apply
        word = apply("embedding", "word", ids, self._constant("word.table"), shape=size)
        place = apply("position", "position", word, self._constant("position.table"), shape=size)
        total = apply("residual_add", "embedding.sum", word, place, shape=size)
        return self.layer_norm("embedding.norm", total)

    def layer(self, name: str, hidden: str) -> str:
        """Self-attention and feed-forward, each with its residual and layer norm after it."""
        size = (TOKENS, self.shape.width)
        apply = self.graph.apply
        query, key, value = (
            self.linear(f"{name}.{part}", hidden) for part in ("query", "key", "value")
        )
        heads = {"heads": self.shape.heads}
        context = apply("attention", f"{name}.attention", query, key, value, shape=size, spec=heads)
        output = self.linear(f"{name}.output", context)
        total = apply("residual_add", f"{name}.attention.sum", hidden, output, shape=size)
        hidden = self.layer_norm(f"{name}.attention.norm", total)

        inner = self.linear(f"{name}.feed_forward_in", hidden)
        active = apply(
            self.shape.activation,
            f"{name}.activation",
            inner,
            shape=(TOKENS, self.shape.feed_forward),
        )
        output = self.linear(f"{name}.feed_forward_out", active)
        total = apply("residual_add", f"{name}.feed_forward.sum", hidden, output, shape=size)
        return self.layer_norm(f"{name}.feed_forward.norm", total)

    def linear(self, name: str, x: str) -> str:
        """``x W + b``."""
        weight, bias = self._constant(f"{name}.weight"), self._constant(f"{name}.bias")
        width = self._weights[weight].shape[1]
        return self.graph.apply("linear", name, x, weight, bias, shape=(TOKENS, width))

    def layer_norm(self, name: str, x: str) -> str:
        """Layer norm with gain and bias."""
        gain, bias = self._constant(f"{name}.gain"), self._constant(f"{name}.bias")
        return self.graph.apply(
            "layer_norm",
            name,
            x,
            gain,
            bias,
            shape=(TOKENS, self.shape.width),
            spec={"epsilon": self.shape.epsilon},
        )

    def _constant(self, name: str) -> str:
        if name not in self._weights:
            raise ValueError(f"weight {name!r} is missing")
        return self.graph.constant(name, self._weights[name])
