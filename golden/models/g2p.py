"""The speller of English pronunciations of the PyPI package ``g2p-en``: words to phonemes.

    letters and an end mark    GRU(256)                                 the last state
    phonemes so far            GRU(256) from that state, linear         (N, 74)

Only the network is used, which the package asks for words that its dictionary lacks.

Source: https://github.com/Kyubyong/g2p (Apache-2.0), checkpoint20.npz.
"""

import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from golden.graph import Graph
from golden.models.gates import Weights, torch_gru
from golden.models.package import package_file
from golden.models.speller import INT8, Speller
from golden.models.words import read_words
from golden.networks.fold import fold_embeddings
from golden.networks.sequence_to_sequence import SequenceShape, sequence_to_sequence
from golden.quantize import QuantizeSettings

# Numbers 0 and 1 pad and stand for what is unknown; 2 ends a word.
_LETTERS = {letter: number for number, letter in enumerate("abcdefghijklmnopqrstuvwxyz", 3)}
_UNKNOWN, _END_OF_WORD = 1, 2
_START, _END, _LIMIT = 2, 3, 20
_PHONEMES = (
    *("AA0", "AA1", "AA2", "AE0", "AE1", "AE2", "AH0", "AH1", "AH2", "AO0", "AO1", "AO2", "AW0"),
    *("AW1", "AW2", "AY0", "AY1", "AY2", "B", "CH", "D", "DH", "EH0", "EH1", "EH2", "ER0", "ER1"),
    *("ER2", "EY0", "EY1", "EY2", "F", "G", "HH", "IH0", "IH1", "IH2", "IY0", "IY1", "IY2", "JH"),
    *("K", "L", "M", "N", "NG", "OW0", "OW1", "OW2", "OY0", "OY1", "OY2", "P", "R", "S", "SH", "T"),
    *("TH", "UH0", "UH1", "UH2", "UW", "UW0", "UW1", "UW2", "V", "W", "Y", "Z", "ZH"),
)
_SHAPE = SequenceShape(reset_after=True, context=False, softmax=False)


@cache
def g2p() -> Speller:
    """The package's network, real, between letters and phonemes."""
    return read_g2p(package_file("g2p_en", "checkpoint20.npz"))


@cache
def integer_network(settings: QuantizeSettings = INT8) -> Graph:
    """The network in integers, calibrated on other words than ``english_words.txt``."""
    return g2p().quantize(read_words("english_calibration"), settings)


def read_g2p(path: Path) -> Speller:
    """A speller of a checkpoint as the package has it."""
    try:
        with path.open("rb") as content, np.load(content) as file:
            weights = _weights(file)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no checkpoint of g2p-en: install it again") from error
    return Speller(
        network=fold_embeddings(sequence_to_sequence("g2p", _SHAPE, weights)),
        inputs=_inputs,
        text=lambda tokens: " ".join(_PHONEMES[x - 4] if x >= 4 else "?" for x in tokens),
        start=_START,
        end=_END,
        limit=_LIMIT,
    )


def _inputs(word: str) -> dict[str, np.ndarray]:
    if not word:
        raise ValueError("the word is empty: give at least one letter")
    letters = [_LETTERS.get(letter, _UNKNOWN) for letter in word.lower()]
    return {"source_ids": np.array([*letters, _END_OF_WORD])}


def _weights(file: Mapping[str, np.ndarray]) -> Weights:
    """Our names."""
    weights = {"logits.weight": file["fc_w"].T, "logits.bias": file["fc_b"]}
    for ours, theirs in (("encoder", "enc"), ("decoder", "dec")):
        parts = (file[f"{theirs}_{name}"] for name in ("w_ih", "w_hh", "b_ih", "b_hh"))
        weights |= torch_gru(f"{ours}.0", *parts)
        weights[f"{ours}.word.table"] = file[f"{theirs}_emb"]
    return weights
