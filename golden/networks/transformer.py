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
    """Sizes of a stack, and what its layer norms add to the variance.

    ``kind`` is "softmax" or "linear" attention, the latter of elu + 1. ``projection_bias`` tells
    whether queries, keys and values have biases, ``bias_token`` whether a learned key and value
    stand before each layer's own. ``delta`` is the threshold below which what attention reads, and
    its queries and keys, keep what the row before had.
    """

    layers: int
    width: int
    heads: int
    feed_forward: int
    vocabulary: int = 1
    positions: int
    epsilon: float = 1e-12
    activation: str = "gelu"
    norm: str = "post"
    kind: str = "softmax"
    projection_bias: bool = True
    bias_token: bool = False
    delta: float | None = None

    def __post_init__(self) -> None:
        for name in ("layers", "width", "heads", "feed_forward", "vocabulary", "positions"):
            require_range(name, getattr(self, name), 1, 1 << 24)
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of the {self.heads} heads")
        if self.norm not in {"post", "pre"}:
            raise ValueError(f"norm must be 'post' or 'pre', not {self.norm!r}")
        if self.kind not in {"softmax", "linear"}:
            raise ValueError(f"kind must be 'softmax' or 'linear', not {self.kind!r}")
        if self.kind == "linear" and self.bias_token:
            raise ValueError("bias_token needs a kind of 'softmax': linear attention has no masks")
        if self.delta is not None and self.delta < 0:
            raise ValueError(f"delta must be a threshold of 0 or more, not {self.delta}")


def sentence_encoder(name: str, shape: EncoderShape, weights: Mapping[str, np.ndarray]) -> Graph:
    """``token_ids`` to one unit vector; weights are named as the operators, matrices (K, M)."""
    graph = GraphBuilder(name)
    stack = Stack(graph, shape, weights, "tokens")
    hidden = stack.embedding("", graph.input("token_ids", ("tokens",)))
    hidden = stack.finish("", stack.layers("", hidden))
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
    logits = decoder.linear("logits", decoder.finish("decoder.", hidden), shape.vocabulary)
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
        sizes = {"word": self._shape.vocabulary, "position": self._shape.positions}
        tables = [
            self.constant(f"{prefix}{name}.table", (count, self._shape.width))
            for name, count in sizes.items()
        ]
        word = self._apply("embedding", f"{prefix}word", ids, tables[0])
        place = self._apply("position", f"{prefix}position", word, tables[1])
        total = self._apply("residual_add", f"{prefix}embedding.sum", word, place)
        return self._norm_after(f"{prefix}embedding", total)

    def attention(
        self,
        name: str,
        hidden: str,
        source: str,
        mask: str | None = None,
        causal: bool = False,
        inner: tuple[int, int] | None = None,
    ) -> str:
        """Attention from ``hidden`` to ``source`` with its residual; N and T rows.

        ``inner`` are width and heads of the attention where they are not the stack's.
        """
        x = self._norm_before(f"{name}.attention", hidden)
        seen = x if source == hidden else source
        width, heads = inner or (self._shape.width, self._shape.heads)
        context = self._context(name, x, seen, mask, causal, width, heads)
        output = self.linear(f"{name}.output", context, self._shape.width)
        total = self._apply("residual_add", f"{name}.attention.sum", hidden, output)
        return self._norm_after(f"{name}.attention", total)

    def _context(
        self, name: str, x: str, seen: str, mask: str | None, causal: bool, width: int, heads: int
    ) -> str:
        """Projections of ``x`` and ``seen``, and the attention between them."""
        shape = self._shape
        if shape.delta is not None:
            held = self.same("delta", f"{name}.held", x, threshold=shape.delta)
            x, seen = held, held if seen == x else seen
        query, key, value = (
            self.linear(f"{name}.{part}", source, width, bias=shape.projection_bias)
            for part, source in (("query", x), ("key", seen), ("value", seen))
        )
        if shape.delta is not None:
            query = self.same("delta", f"{name}.query.held", query, threshold=shape.delta)
            key = self.same("delta", f"{name}.key.held", key, threshold=shape.delta)
        kind, spec = "attention", {"heads": heads, "causal": causal}
        if shape.kind == "linear":
            kind = "linear_attention"
            query = self.same("elu_plus_one", f"{name}.query.features", query)
            key = self.same("elu_plus_one", f"{name}.key.features", key)
        if shape.bias_token:
            key = self.prepend(f"{name}.key.bias_token", key)
            value = self.prepend(f"{name}.value.bias_token", value)
            mask = mask and self.graph.apply(
                "prepend",
                f"{name}.mask",
                mask,
                self.graph.constant(f"{name}.seen", np.ones(1, bool)),
                shape=(self.graph.tensors[key].shape[0],),
            )
        masks = () if mask is None else (mask,)
        size = (self._size[0], width)
        return self.graph.apply(
            kind, f"{name}.attention", query, key, value, *masks, shape=size, spec=spec
        )

    def feed_forward(self, name: str, hidden: str) -> str:
        """Two linears and an activation between them, with the residual."""
        x = self._norm_before(f"{name}.feed_forward", hidden)
        inner = self.linear(f"{name}.feed_forward_in", x, self._shape.feed_forward)
        size = (self._size[0], self._shape.feed_forward)
        active = self.graph.apply(self._shape.activation, f"{name}.activation", inner, shape=size)
        output = self.linear(f"{name}.feed_forward_out", active, self._shape.width)
        total = self._apply("residual_add", f"{name}.feed_forward.sum", hidden, output)
        return self._norm_after(f"{name}.feed_forward", total)

    def layers(self, prefix: str, hidden: str, causal: bool = False) -> str:
        """The layers of an encoder, one after the other."""
        for layer in range(self._shape.layers):
            hidden = self.layer(f"{prefix}layer.{layer}", hidden, causal)
        return hidden

    def layer(self, name: str, hidden: str, causal: bool = False) -> str:
        """Self-attention and feed-forward step."""
        hidden = self.attention(name, hidden, hidden, causal=causal)
        return self.feed_forward(name, hidden)

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
