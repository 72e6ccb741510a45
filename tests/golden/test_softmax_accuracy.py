"""Integer softmax on the encoder's own score rows and on drawn ones, within what was asked."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from golden.__main__ import main
from golden.models import minilm, softmax_accuracy
from golden.models.softmax_accuracy import (
    CONTEXT,
    ROW_SUM,
    Rows,
    contexts,
    divergence,
    drawn_rows,
    encoder_rows,
    figures,
    missed,
    worst_row_sum,
)
from golden.operator_spec import SoftmaxSpec
from golden.ops.softmax import softmax

pytestmark = pytest.mark.xdist_group("minilm")


@pytest.fixture(scope="module")
def token_ids() -> list[np.ndarray]:
    tokenizer, sentences = minilm.Tokenizer(), minilm.sentences()
    return [tokenizer(sentences[-1]), tokenizer(" ".join(sentences[40:46]))]


@pytest.mark.parametrize("bits", [8, 12])
def test_real_rows_are_within_what_was_asked(bits: int, token_ids: list[np.ndarray]) -> None:
    spec = SoftmaxSpec(output_bits=bits)
    for rows in zip(*encoder_rows(spec, token_ids), strict=True):
        assert sum(len(one.scores) for one in rows) > 3000
        found = figures(spec, rows)
        assert missed(found) == []
        assert found["integers_to_logits"]["same_argmax"] > 0.9


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("spread", [1, 2, 4])
@pytest.mark.parametrize("length", [16, 100, 512])
def test_drawn_rows_are_within_what_was_asked(bits: int, spread: float, length: int) -> None:
    spec = SoftmaxSpec(output_bits=bits)
    assert missed(figures(spec, [drawn_rows(spec, spread, length, 100, seed=1)])) == []


def test_the_default_fraction_holds_the_encoder_s_logits(token_ids: list[np.ndarray]) -> None:
    rows = [first for first, _ in encoder_rows(SoftmaxSpec(), token_ids)]
    assert softmax_accuracy.saturated(rows) == 0
    assert figures(SoftmaxSpec(), rows)["integers_to_logits"]["max_error"] < 2


def test_row_sums_at_12_bits() -> None:
    assert worst_row_sum(SoftmaxSpec(output_bits=12), range(1, 513, 7), 2) <= ROW_SUM


def test_contexts_of_12_bit_codes(token_ids: list[np.ndarray]) -> None:
    found = contexts(12, token_ids)
    assert found["int8_within_one"] >= CONTEXT
    assert found["int16_within_one"] < found["int8_within_one"]


def test_a_softmax_that_truncates_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def truncated(spec: SoftmaxSpec, x: np.ndarray) -> np.ndarray:
        return np.maximum(softmax(spec, x) - 1, 0)

    monkeypatch.setattr(softmax_accuracy, "softmax", truncated)
    spec = SoftmaxSpec()
    told = missed(figures(spec, [drawn_rows(spec, 1, 64, 100)]))
    assert any("row_sum_error" in one for one in told)
    assert any("kl" in one for one in told)


def test_divergence_of_known_rows() -> None:
    p = np.array([[0.5, 0.5], [1.0, 0.0]])
    assert divergence(p, np.array([[10, 10], [7, 0]])).tolist() == [0, 0]
    q = np.array([[3, 1], [0, 1]])
    expected = [0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25), np.log(1e6)]
    np.testing.assert_allclose(divergence(p, q), expected)


def test_scores_beyond_16_bits_saturate() -> None:
    logits = np.array([[300.0, -400.0]])
    rows = Rows(softmax_accuracy.rounded_scores(SoftmaxSpec(), logits), logits, 8)
    assert rows.scores.tolist() == [[32767, -32768]]
    assert softmax_accuracy.saturated([rows]) == 1


def test_the_command_writes_stable_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softmax_accuracy, "SPREADS", (1,))
    monkeypatch.setattr("golden.commands.softmax.SPREADS", (1,))
    monkeypatch.setattr("golden.commands.softmax.LENGTHS", (16,))
    monkeypatch.setattr("golden.commands.softmax.LONGEST", 20)
    path = tmp_path / "figures.json"
    done = CliRunner().invoke(
        main, ["softmax", "--count", "4", "--rows", "100", "--json", str(path)]
    )
    assert done.exit_code == 0, done.output
    found = json.loads(path.read_text())
    assert set(found) == {
        *("rows", "saturated_rows", "8 bits", "12 bits", "row_sum_worst", "attention")
    }
    assert found["rows"]["sd 1 x 16"] == 100
    assert found["8 bits"]["encoder floats"]["integers"]["beyond_one_code"] == 0
