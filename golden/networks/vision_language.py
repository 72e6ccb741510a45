"""BERT with regions of an image: one stream (VisualBERT), or two that attend to each other.

Letters: N tokens, R regions, D text width, V visual width, B width of attention between streams.

VisualBERT is a post-norm encoder over [text; regions], (N + R, D). ViLBERT runs text layers and
visual layers apart; in a connection layer text queries meet visual keys and values and the reverse:

    text  = layer_norm(text  + attention(text Wq,  image Wk, image Wv) Wo)      queries (N, B)
    image = layer_norm(image + attention(image Wq, text Wk,  text Wv)  Wo)      queries (R, B)

each then with its own feed-forward step. Segments are part of the position tables, since each
stream has one. What is pooled are the first token and the first region, the whole image.

Source: Li et al., VisualBERT, 2019; Lu et al., ViLBERT, 2019, released sizes of
``bert_base_6layer_6conect``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.transformer import EncoderShape, Stack
from golden.spec import require_range


@dataclass(frozen=True, kw_only=True)
class VisualBertShape:
    """The encoder, the regions' numbers, the most regions, the answers."""

    encoder: EncoderShape
    features: int = 2048
    regions: int = 36
    answers: int = 3129


def visual_bert(name: str, shape: VisualBertShape, weights: Mapping[str, np.ndarray]) -> Graph:
    """``token_ids`` (N,) and ``regions`` (R, features) to the answers' scores, (1, answers)."""
    graph = GraphBuilder(name)
    ids = graph.input("token_ids", ("tokens",))
    features = graph.input("regions", (shape.regions, shape.features))
    stack = Stack(graph, shape.encoder, weights, f"tokens+{shape.regions}")
    width = shape.encoder.width
    word = stack.lookup("word", ids, (shape.encoder.vocabulary, width))
    text = stack.positions("position", word, shape.encoder.positions)
    regions = stack.linear("region", features, width)
    regions = stack.positions("region.position", regions, shape.regions)
    hidden = stack.concat("stream", [text, regions], axis=0)
    hidden = stack.layer_norm("embedding", hidden, shape.encoder.epsilon)
    hidden = stack.layers("", hidden)
    pooled = stack.linear("pooled.linear", stack.rows("first", hidden, 0, 1), width)
    pooled = stack.same("tanh", "pooled", pooled)
    return graph.finish(stack.linear("answers", pooled, shape.answers))


@dataclass(frozen=True, kw_only=True)
class VilbertShape:
    """Two encoders, and a connection before each of the last layers of both streams.

    ``box`` numbers tell where a region is; ``width`` and ``heads`` are the connections'.
    """

    text: EncoderShape
    image: EncoderShape
    connections: int = 6
    width: int = 1024
    heads: int = 8
    features: int = 2048
    box: int = 5
    regions: int = 37
    answers: int = 3129

    def __post_init__(self) -> None:
        require_range("connections", self.connections, 1, self.image.layers)
        require_range("connections", self.connections, 1, self.text.layers)
        require_range("width", self.width, 1, 1 << 16)
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of the {self.heads} heads")


VILBERT = VilbertShape(
    text=EncoderShape(
        layers=12, width=768, heads=12, feed_forward=3072, vocabulary=30522, positions=512
    ),
    image=EncoderShape(layers=6, width=1024, heads=8, feed_forward=1024, positions=37),
)


def vilbert(name: str, shape: VilbertShape, weights: Mapping[str, np.ndarray]) -> Graph:
    """``token_ids`` (N,), ``regions`` (R, features), ``boxes`` (R, box) to the answers' scores."""
    graph = GraphBuilder(name)
    ids = graph.input("token_ids", ("tokens",))
    features = graph.input("regions", (shape.regions, shape.features))
    boxes = graph.input("boxes", (shape.regions, shape.box))
    texts = Stack(graph, shape.text, weights, "tokens")
    images = Stack(graph, shape.image, weights, shape.regions)

    text = texts.embedding("text.", ids)
    content = images.linear("image.feature", features, shape.image.width)
    place = images.linear("image.box", boxes, shape.image.width)
    image = images.add("image.embedding", content, place)
    image = images.layer_norm("image.embedding", image, shape.image.epsilon)

    text_layer, image_layer = 0, 0
    first = shape.text.layers - shape.connections
    for index in range(shape.connections):
        while text_layer < first + index:
            text = texts.layer(f"text.layer.{text_layer}", text)
            text_layer += 1
        while image_layer < shape.image.layers - shape.connections + index:
            image = images.layer(f"image.layer.{image_layer}", image)
            image_layer += 1
        text, image = _connect(texts, images, shape, f"connection.{index}", text, image)
    for layer in range(text_layer, shape.text.layers):
        text = texts.layer(f"text.layer.{layer}", text)
    for layer in range(image_layer, shape.image.layers):
        image = images.layer(f"image.layer.{layer}", image)

    pooled = []
    for stack, part, hidden in ((texts, "text", text), (images, "image", image)):
        vector = stack.linear(f"{part}.pooled.linear", stack.rows(f"{part}.first", hidden, 0, 1),
                              shape.width)  # fmt: skip
        pooled.append(stack.same("relu", f"{part}.pooled", vector))
    fused = texts.same("multiply", "fused", *pooled)
    return graph.finish(texts.linear("answers", fused, shape.answers))


def _connect(
    texts: Stack, images: Stack, shape: VilbertShape, name: str, text: str, image: str
) -> tuple[str, str]:
    """Both streams attend to what the other was before; then their feed-forward steps."""
    inner = (shape.width, shape.heads)
    new_text = texts.attention(f"{name}.text", text, image, inner=inner)
    new_image = images.attention(f"{name}.image", image, text, inner=inner)
    return (
        texts.feed_forward(f"{name}.text", new_text),
        images.feed_forward(f"{name}.image", new_image),
    )
