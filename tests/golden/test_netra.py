"""The released transliterator: the package's documented example, integers against floats."""

import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.models.netra import integer_network, netra, read_netra
from golden.models.package import package_file
from golden.models.words import read_words
from golden.networks.decoding import Growing, beam
from golden.networks.file import load_network, save_network
from golden.networks.run import call_integer, quantize_inputs, run_integer, run_real

pytestmark = pytest.mark.xdist_group("netra")
WEIGHTS = "weights/bi_gru_attention_khmer_transliterator.keras"
VOCABULARIES = "weights/gru_transliteration_assets.pkl"


def test_documented_example() -> None:
    """The word of the package's README, by the package's beam of 3 and greedily."""
    model = netra()
    tokens = beam(model.growing("brodae"), model.start, model.end, model.limit, width=3).tokens
    assert model.read(list(tokens)) == "ប្រដែ"
    assert model.spell("Brodae!") == "ប្រដែ"


def test_the_file_has_the_published_parameters() -> None:
    """78,705 are published; folding makes tables of embeddings and of the products behind them."""
    constants = netra().network.constants
    sizes = {name: x.size for name, x in constants.items() if not name.endswith(".zeros")}
    folded = {"encoder.0.forward.gates.table", "encoder.0.backward.gates.table"}
    folded.add("decoder.0.gates.table")
    unfolded = 28 * 32 + 81 * 32 + 3 * (32 * 192 + 192)
    assert sum(sizes.values()) - sum(sizes[name] for name in folded) + unfolded == 78_705


def test_integers_write_the_same() -> None:
    """Every tenth word of the list; all 500 are measured by the command."""
    words = read_words("khmer_words")[::10]
    different = [
        word for word in words if netra().spell(word) != netra().spell(word, integer_network())
    ]
    assert len(different) <= 1, different


def test_a_file_keeps_wide_operands(tmp_path: Path) -> None:
    network = integer_network()
    save_network(network, tmp_path / "netra.safetensors")
    loaded = load_network(tmp_path / "netra.safetensors")
    assert loaded.constants["decoder.key.weight"].dtype == np.int16
    assert netra().tokens("chinda", loaded) == netra().tokens("chinda", network)
    wrong = np.full_like(network.constants["decoder.key.weight"], -(1 << 15))
    wrong = replace(network, constants={**network.constants, "decoder.key.weight": wrong})
    with pytest.raises(ValueError, match=r"decoder.key.weight.*-32768, outside -32767 to 32767"):
        save_network(wrong, tmp_path / "wrong.safetensors")


def test_rows_grow_as_the_whole_run() -> None:
    """The state before the first sign is an input, so that decoding may start anywhere."""
    network, given = integer_network(), quantize_inputs(integer_network(), netra().inputs("chinda"))
    tokens = np.array([netra().start, 5, 9, 12])
    whole = run_integer(network, {**given, "target_ids": tokens})["probabilities"]
    growing = Growing(network, given, "target_ids", call_integer)
    assert (np.concatenate([growing.append(tokens[:1]), growing.append(tokens[1:])]) == whole).all()


def test_padding_is_read_as_in_training() -> None:
    """The package pads to 25 letters without a mask: shorter padding gives something else."""
    inputs = {**netra().inputs("chinda"), "target_ids": np.array([netra().start])}
    assert inputs["source_ids"].shape == (25,)
    full = run_real(netra().network, inputs)["probabilities"]
    inputs["source_ids"] = inputs["source_ids"][:6]
    assert np.abs(run_real(netra().network, inputs)["probabilities"] - full).max() > 1e-3


def test_another_file_is_refused(tmp_path: Path) -> None:
    good = package_file("khmer_transliterator", VOCABULARIES)
    path = tmp_path / "other.keras"
    for content in (None, b"PK\x03\x04 cut"):
        if content:
            path.write_bytes(content)
        with pytest.raises(ValueError, match=r"other.keras is no .keras file of version 3"):
            read_netra(path, good)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match=r"other.keras is no .keras file of version 3"):
        read_netra(path, good)
    with pytest.raises(ValueError, match=r"'' has 0 letters of a to z, not 1 to 25"):
        netra().spell("")


def test_a_pickle_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "assets.pkl"
    path.write_bytes(pickle.dumps({"eng_tokenizer": print}))
    with pytest.raises(ValueError, match=r"names builtins.print.*install it again"):
        read_netra(package_file("khmer_transliterator", WEIGHTS), path)
