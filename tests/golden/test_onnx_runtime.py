"""The sentence encoder beside ONNX Runtime's: the same floats, and what either loses in INT8."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from golden.__main__ import main
from golden.models import minilm, onnx_runtime
from golden.models.accuracy import Measurement

pytestmark = pytest.mark.xdist_group("minilm")
INT8 = ("dynamic_per_channel", "dynamic_per_channel_products", "dynamic_default", "static")


def accuracy(folder: Path, count: int) -> tuple[dict[str, Any], str]:
    """Figures and text of ``python -m golden accuracy``, which checks the float graph to 1e-5."""
    file = folder / "figures.json"
    result = CliRunner().invoke(main, ["accuracy", "--count", str(count), "--json", str(file)])
    assert result.exit_code == 0, result.output
    return json.loads(file.read_text()), result.output


def test_golden_integers_lose_less_than_its_int8(package, tmp_path: Path) -> None:
    package("onnxruntime")
    ours, told = accuracy(tmp_path, 12)
    forms = ours["onnx_runtime"]
    assert tuple(forms) == (onnx_runtime.FLOAT, *INT8)
    assert forms[onnx_runtime.FLOAT]["cosine_min"] > 1 - 1e-6
    for name in INT8:
        # In INT8 indeed: it loses something, but it is still the same encoder. Its ranks need more
        # sentences: `python -m golden accuracy` has all 200.
        assert 0.8 < forms[name]["cosine_mean"] < 0.9999, name
        assert forms[name]["cosine_mean"] < ours["cosine_mean"], name
        assert f"ONNX Runtime {name.replace('_', ' ')} " in told


def test_without_the_package_its_rows_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_runtime, "available", lambda: False)
    figures, told = accuracy(tmp_path, 3)
    assert "onnx_runtime" not in figures
    assert "`make reference` adds its INT8 forms" in told


def test_another_network_is_refused() -> None:
    tokenizer, sentences = minilm.Tokenizer(), minilm.sentences()[:3]
    ids = [tokenizer(sentence) for sentence in sentences]
    run = Measurement(sentences, ids, minilm.embed_real, minilm.embed_integer)
    run.check("itself", minilm.embed_real, 1e-6)
    with pytest.raises(ValueError, match=r"theirs differs from golden's floats by .* than 1e-05"):
        run.check("theirs", minilm.embed_integer, 1e-5)
