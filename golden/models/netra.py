"""The transliterator of romanised Khmer of the PyPI package ``netra-transliterate``.

    letters, padded to 25     bidirectional GRU(64)                     (25, 128)
    Khmer signs so far        GRU(64), additive attention, softmax      (N, 81)

The package's Keras file is a zip archive with weights in HDF5; its vocabularies are a pickle of two
Keras tokenizers, of which only the dictionaries are read.

Source: https://pypi.org/project/netra-transliterate (MIT), "AkaraAlpha".
"""

import io
import pickle
import re
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from golden.graph import Graph
from golden.models.gates import Weights, keras_gru
from golden.models.package import package_file
from golden.models.speller import INT16, Speller
from golden.models.words import read_words
from golden.networks.fold import fold_embeddings
from golden.networks.late_attention import late_attention
from golden.quantize import QuantizeSettings

LETTERS = 25
_STATES = 64
_PACKAGE = "khmer_transliterator"


@cache
def netra() -> Speller:
    """The package's network, real, between Latin letters and Khmer signs."""
    weights = package_file(_PACKAGE, "weights/bi_gru_attention_khmer_transliterator.keras")
    vocabularies = package_file(_PACKAGE, "weights/gru_transliteration_assets.pkl")
    return read_netra(weights, vocabularies)


@cache
def integer_network(settings: QuantizeSettings = INT16) -> Graph:
    """The network in integers, calibrated on other words than ``khmer_words.txt``."""
    return netra().quantize(read_words("khmer_calibration"), settings)


def read_netra(weights: Path, vocabularies: Path) -> Speller:
    """A speller of a Keras file and a pickle as the package has them."""
    letters, signs = _vocabularies(vocabularies)
    names = {number: sign for sign, number in signs.items()}

    def inputs(word: str) -> dict[str, np.ndarray]:
        known = re.sub(r"[^a-z]", "", word.lower())
        if not 1 <= len(known) <= LETTERS:
            raise ValueError(
                f"{word!r} has {len(known)} letters of a to z, not 1 to {LETTERS}: shorten it"
            )
        ids = np.zeros(LETTERS, np.int64)
        ids[: len(known)] = [letters[letter] for letter in known]
        return {"source_ids": ids, "start": np.zeros((1, _STATES), np.float32)}

    return Speller(
        network=fold_embeddings(late_attention("netra", _weights(_read_keras(weights)))),
        inputs=inputs,
        text=lambda tokens: "".join(names.get(token, "") for token in tokens),
        start=signs["\t"],
        end=signs["\n"],
        limit=31,
    )


def _read_keras(path: Path) -> dict[str, np.ndarray]:
    """Every layer's weights by their path in the file."""
    import h5py

    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read("model.weights.h5")
        weights: dict[str, np.ndarray] = {}
        with h5py.File(io.BytesIO(content)) as file:
            file["layers"].visititems(lambda name, item: _keep(weights, name, item))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no .keras file of version 3: install it again") from error
    return weights


def _keep(weights: dict[str, np.ndarray], name: str, item: Any) -> None:
    if hasattr(item, "shape"):
        weights[name.replace("/vars/", "/")] = np.asarray(item)


class _Vocabulary:
    """Stands for a Keras tokenizer: the pickle's attributes, none of its code."""

    word_index: dict[str, int]


class _Reader(pickle.Unpickler):
    """Reads tokenizers and dictionaries; whatever else a pickle names is refused."""

    _KNOWN: Mapping[tuple[str, str], Any] = {
        ("keras.src.legacy.preprocessing.text", "Tokenizer"): _Vocabulary,
        ("collections", "OrderedDict"): OrderedDict,
        ("collections", "defaultdict"): defaultdict,
        ("builtins", "int"): int,
    }

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for what the pickle names."""
        if (module, name) not in self._KNOWN:
            raise pickle.UnpicklingError(f"a vocabulary names {module}.{name}")
        return self._KNOWN[module, name]


def _vocabularies(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    try:
        with path.open("rb") as file:
            assets = _Reader(file).load()
        return assets["eng_tokenizer"].word_index, assets["khm_tokenizer"].word_index
    except (OSError, EOFError, KeyError, TypeError, AttributeError, pickle.PickleError) as error:
        raise ValueError(f"{path} has no two vocabularies ({error}): install it again") from error


def _weights(keras: Mapping[str, np.ndarray]) -> Weights:
    """Our names."""

    def gru(name: str, layer: str) -> Weights:
        return keras_gru(name, *(keras[f"{layer}/cell/{index}"] for index in range(3)))

    return {
        "encoder.word.table": keras["embedding/0"],
        "decoder.word.table": keras["embedding_1/0"],
        **gru("encoder.0.forward", "bidirectional/forward_layer"),
        **gru("encoder.0.backward", "bidirectional/backward_layer"),
        **gru("decoder.0", "gru"),
        "decoder.key.weight": keras["time_distributed/layer/0"],
        "decoder.key.bias": keras["time_distributed/layer/1"],
        "decoder.energy": keras["additive_attention/0"],
        # The last layer reads state and context side by side.
        "logits.state.weight": keras["dense/0"][:_STATES],
        "logits.state.bias": keras["dense/1"],
        "logits.context.weight": keras["dense/0"][_STATES:],
    }
