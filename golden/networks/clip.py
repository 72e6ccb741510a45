"""Contrastive networks: a tower for each modality into one space, and the scores between them.

    image = l2_normalize(tower(patches))                         (1, E)
    text  = l2_normalize(last row of causal encoder(ids) Wo)     (1, E)
    scores = exp(t) images texts^T                               (N, M)

A sentence ends with its end mark, whose row is the sentence's: no later token changes it.

Source: Radford et al., Learning transferable visual models from natural language supervision, 2021
(CLIP); Girdhar et al., ImageBind, 2023, whose released sizes ``IMAGEBIND`` holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.layers import Layers
from golden.networks.patches import PatchShape, tower
from golden.networks.transformer import EncoderShape, Stack


@dataclass(frozen=True, kw_only=True)
class Modality:
    """A tower: patches of an input (None for text), its encoder, what its scores are scaled by."""

    patch: PatchShape | None
    encoder: EncoderShape
    logit_scale: float = 1.0


def embed(name: str, modality: Modality, outputs: int, weights: Mapping[str, np.ndarray]) -> Graph:
    """``input`` or ``token_ids`` to a unit vector, (1, outputs)."""
    graph = GraphBuilder(name)
    if modality.patch is not None:
        x = graph.input("input", (*modality.patch.size, modality.patch.channels))
        vector = tower(graph, "", modality.patch, modality.encoder, weights, x)
    else:
        stack = Stack(graph, modality.encoder, weights, "tokens")
        hidden = stack.embedding("", graph.input("token_ids", ("tokens",)))
        hidden = stack.finish("", stack.layers("", hidden, causal=True))
        last = stack.rows("last", hidden, -1, None)
        vector = stack.linear("output", last, outputs, bias=False)
    return graph.finish(Layers(graph, weights).same("l2_normalize", "embedding", vector))


def retrieval(name: str, width: int, scale: float, k: int) -> Graph:
    """``queries`` (N, E) and ``gallery`` (M, E), unit vectors, to the k best scores and indices."""
    graph = GraphBuilder(name)
    queries = graph.input("queries", ("queries", width))
    gallery = graph.input("gallery", ("gallery", width))
    scores = graph.apply(
        "similarity",
        "scores",
        queries,
        gallery,
        shape=("queries", "gallery"),
        spec={"scale": scale},
    )
    graph.apply(
        "top_k",
        "best",
        scores,
        shape=("queries", k),
        spec={"k": k},
        further_outputs={"indices": {"shape": ("queries", k)}},
    )
    return graph.finish("scores", "best", "indices")


def _encoder(
    width: int, layers: int, heads: int, positions: int, **rest: int | bool
) -> EncoderShape:
    return EncoderShape(
        layers=layers,
        width=width,
        heads=heads,
        feed_forward=4 * width,
        positions=positions,
        epsilon=1e-6,
        norm="pre",
        **rest,  # type: ignore[arg-type]
    )


def _tower(
    size: tuple[int, ...],
    channels: int,
    kernel: int,
    stride: int,
    trunk: tuple[int, int, int],
    outputs: int,
    logit_scale: float = 1.0,
    bias_token: bool = True,
    input_norm: bool = False,
) -> Modality:
    patch = PatchShape(
        size=size,
        channels=channels,
        kernel=(kernel,) * len(size),
        stride=(stride,) * len(size),
        outputs=outputs,
        input_norm=input_norm,
        patch_bias=False,
        output_bias=False,
    )
    encoder = _encoder(*trunk, patch.tokens, bias_token=bias_token)
    return Modality(patch=patch, encoder=encoder, logit_scale=logit_scale)


CLIP_OUTPUTS = 512
# ViT-B/16 and its text tower.
CLIP = {
    "image": _tower(
        (224, 224), 3, 16, 16, (768, 12, 12), CLIP_OUTPUTS, bias_token=False, input_norm=True
    ),
    "text": Modality(patch=None, encoder=_encoder(512, 12, 8, 77, vocabulary=49408)),
}

IMAGEBIND_OUTPUTS = 1024
# Trunks are width, blocks, heads. An image is two equal frames, side by side in the channels.
IMAGEBIND = {
    "image": _tower(
        (224, 224), 6, 14, 14, (1280, 32, 16), IMAGEBIND_OUTPUTS, bias_token=False, input_norm=True
    ),
    "text": Modality(patch=None, encoder=_encoder(1024, 24, 16, 77, vocabulary=49408)),
    "audio": _tower((128, 204), 1, 16, 10, (768, 12, 12), IMAGEBIND_OUTPUTS, 20.0),
    "depth": _tower((224, 224), 1, 16, 16, (384, 12, 8), IMAGEBIND_OUTPUTS, 5.0),
    "thermal": _tower((224, 224), 1, 16, 16, (768, 12, 12), IMAGEBIND_OUTPUTS, 10.0),
    "imu": _tower((2000,), 6, 8, 8, (512, 6, 8), IMAGEBIND_OUTPUTS, 5.0),
}
