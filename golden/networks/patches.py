"""Transformers over patches of an image, a spectrogram or a signal: ViT, KWT, towers of CLIP.

Letters: N patches, K numbers in a patch, D width.

    x = windows(input) We + b                                    (N, K) -> (N, D)
    h = [class token; x] + position                              (N + 1, D)
    h = encoder(h), then a layer norm in a pre-norm network
    o = h_0 Wo + b                                               (1, outputs)

Source: Dosovitskiy et al., An image is worth 16x16 words, 2021.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.transformer import EncoderShape, Stack
from golden.spec import require_range


@dataclass(frozen=True, kw_only=True)
class PatchShape:
    """An input of ``size`` and ``channels``, cut into windows; what stands before the encoder.

    ``input_norm`` normalises the tokens before the first layer, ``patch_bias`` and ``output_bias``
    tell whether those linears have one.
    """

    size: tuple[int, ...]
    channels: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    outputs: int
    class_tokens: int = 1
    input_norm: bool = False
    patch_bias: bool = True
    output_bias: bool = True
    output_norm: bool = False

    def __post_init__(self) -> None:
        if not len(self.size) == len(self.kernel) == len(self.stride):
            raise ValueError(
                f"size, kernel and stride must have as many axes, not {self.size}, {self.kernel} "
                f"and {self.stride}"
            )
        for length, kernel in zip(self.size, self.kernel, strict=True):
            require_range("kernel", kernel, 1, length)
        require_range("channels", self.channels, 1, 1 << 12)
        require_range("outputs", self.outputs, 1, 1 << 16)
        require_range("class_tokens", self.class_tokens, 0, 16)

    @property
    def patches(self) -> int:
        """Number of windows."""
        axes = zip(self.size, self.kernel, self.stride, strict=True)
        return prod((length - kernel) // step + 1 for length, kernel, step in axes)

    @property
    def tokens(self) -> int:
        """Rows of the encoder."""
        return self.patches + self.class_tokens


def patch_encoder(
    name: str, patch: PatchShape, shape: EncoderShape, weights: Mapping[str, np.ndarray]
) -> Graph:
    """``input``, (*size, channels), to ``output``, (1, outputs): class scores or an embedding."""
    graph = GraphBuilder(name)
    x = graph.input("input", (*patch.size, patch.channels))
    return graph.finish(tower(graph, "", patch, shape, weights, x))


def tower(
    graph: GraphBuilder,
    prefix: str,
    patch: PatchShape,
    shape: EncoderShape,
    weights: Mapping[str, np.ndarray],
    x: str,
) -> str:
    """The network of ``patch_encoder``, every name after ``prefix``; the output's name."""
    stack = Stack(graph, shape, weights, patch.tokens)
    if prod(patch.kernel) > 1:
        padding = [(0, 0)] * len(patch.size)
        x = stack.windows(f"{prefix}windows", x, patch.kernel, patch.stride, padding)
    if len(patch.size) > 1:
        length = prod(patch.kernel) * patch.channels
        x = stack.reshape(f"{prefix}rows", x, (patch.patches, length))
    hidden = stack.linear(f"{prefix}patch", x, shape.width, bias=patch.patch_bias)
    if patch.class_tokens:
        hidden = stack.prepend(f"{prefix}class", hidden, patch.class_tokens)
    hidden = stack.positions(f"{prefix}position", hidden, patch.tokens)
    if patch.input_norm:
        hidden = stack.layer_norm(f"{prefix}input", hidden, shape.epsilon)
    hidden = stack.layers(prefix, hidden)
    first = stack.rows(f"{prefix}first", stack.finish(prefix, hidden), 0, 1)
    if patch.output_norm:
        first = stack.layer_norm(f"{prefix}output", first, shape.epsilon)
    return stack.linear(f"{prefix}output", first, patch.outputs, bias=patch.output_bias)
