"""The released speller: the package's documented spellings, integers against floats."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from golden.__main__ import main
from golden.models.g2p import g2p, integer_network, read_g2p
from golden.models.package import package_file
from golden.models.words import make_words, read_words
from golden.networks.run import run_real

pytestmark = pytest.mark.xdist_group("g2p")


def test_documented_spelling() -> None:
    """The word of the package's README that its dictionary lacks, with what it prints."""
    assert g2p().spell("activationist") == "AE2 K T IH0 V EY1 SH AH0 N IH0 S T"


def test_scores_are_those_of_the_package() -> None:
    """The equations of the package's ``grucell`` on its own arrays, every step of a word."""
    file = np.load(package_file("g2p_en", "checkpoint20.npz"))

    def cell(x: np.ndarray, h: np.ndarray, part: str) -> np.ndarray:
        given = file[f"{part}_w_ih"] @ x + file[f"{part}_b_ih"]
        state = file[f"{part}_w_hh"] @ h + file[f"{part}_b_hh"]
        r, z = np.split(1 / (1 + np.exp(-(given[:512] + state[:512]))), 2)
        candidate = np.tanh(given[512:] + r * state[512:])
        return (1 - z) * candidate + z * h

    h = np.zeros(256, np.float32)
    for letter in [*(ord(x) - ord("a") + 3 for x in "cimera"), 2]:
        h = cell(file["enc_emb"][letter], h, "enc")
    given, scores = [2, 31, 45, 60], []
    for token in given:
        h = cell(file["dec_emb"][token], h, "dec")
        scores.append(file["fc_w"] @ h + file["fc_b"])
    inputs = {**g2p().inputs("Cimera"), "target_ids": np.array(given)}
    np.testing.assert_allclose(run_real(g2p().network, inputs)["logits"], scores, atol=1e-4)


def test_integers_spell_the_same() -> None:
    """Every fifth word of the list; all 500 are measured by the command."""
    words = read_words("english_words")[::5]
    different = [
        word for word in words if g2p().spell(word) != g2p().spell(word, integer_network())
    ]
    assert len(different) <= 2, different


def test_lists_are_what_their_script_makes() -> None:
    for name, words in make_words().items():
        assert read_words(name) == words
        assert len(set(words)) == len(words)
    for language in ("english", "khmer"):
        measured = set(read_words(f"{language}_words"))
        assert len(measured) == 500
        assert measured.isdisjoint(read_words(f"{language}_calibration"))


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    with pytest.raises(ValueError, match=r"other.npz is no checkpoint of g2p-en: install it again"):
        read_g2p(path)
    np.savez(path, enc_emb=np.zeros(3))
    with pytest.raises(ValueError, match=r"other.npz is no checkpoint of g2p-en"):
        read_g2p(path)
    path.write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(ValueError, match=r"other.npz is no checkpoint of g2p-en"):
        read_g2p(path)
    with pytest.raises(ValueError, match=r"package g2p-en has no checkpoint21.npz: install"):
        package_file("g2p_en", "checkpoint21.npz")
    with pytest.raises(ValueError, match=r"the word is empty: give at least one letter"):
        g2p().spell("")


def test_command_writes_its_figures(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    arguments = ["spellings", "--count", "20", "--json", str(file)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    figures = json.loads(file.read_text())
    assert figures["words"] == figures["equal"] + len(figures["different"]) == 20
    assert figures["macs_per_word"] > 1e6
    assert figures["operand_bits"] == 8
    khmer = [*arguments, "--model", "netra", "--bits", "8", "--count", "4"]
    assert CliRunner().invoke(main, khmer).exit_code == 0
    assert json.loads(file.read_text())["operand_bits"] == 8
    wrong = CliRunner().invoke(main, ["spellings", "--count", "501"])
    assert "count must be 1 to 500, not 501" in wrong.output
