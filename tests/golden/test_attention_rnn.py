"""The released attention RNN: words that it hears, integers against floats."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from golden.__main__ import main
from golden.models.attention_rnn import LABELS, read_attention_rnn
from golden.models.kwt import KeywordModel, move_sound, quantize_kwt, read_sound
from golden.networks.run import quantize_inputs, run_integer, run_real

pytestmark = pytest.mark.xdist_group("attention_rnn")
MODEL = "attrnn/model-attRNN.h5"
WORDS = ("down", "go", "left", "no", "yes")


@pytest.fixture
def model(data: Callable[[str], Path]) -> KeywordModel:
    return read_attention_rnn(data(MODEL))


def test_words_are_heard(model: KeywordModel, data: Callable[[str], Path]) -> None:
    for word in WORDS:
        sound = model.front_end(read_sound(data(f"clips/{word}.wav")))
        scores = run_real(model.network, {"input": sound})["probabilities"][0]
        assert LABELS[scores.argmax()] == word
        assert scores.max() > 0.9


def test_the_file_has_the_published_parameters(model: KeywordModel) -> None:
    assert sum(x.size for x in model.network.constants.values()) == 201_247
    assert len(LABELS) == 36


def test_the_front_end_normalises(model: KeywordModel) -> None:
    """As the file's own: frames to the sound's end and beyond it, whatever its loudness."""
    rng = np.random.default_rng(3)
    sound = rng.normal(0, 0.1, 16_000)
    features = model.front_end(sound)
    assert features.shape == (125, 80)
    assert abs(features.mean()) < 1e-5
    assert abs(features.std() - 1) < 1e-5
    np.testing.assert_allclose(model.front_end(0.5 * sound), features, atol=1e-3)
    with pytest.raises(ValueError, match=r"a keyword has 16000 samples, not \(8000,\)"):
        model.front_end(sound[:8000])


def test_integers_hear_the_same(model: KeywordModel, data: Callable[[str], Path]) -> None:
    """Calibrated on other shifts than those that are heard; 2 of each word."""
    clips = [read_sound(data(f"clips/{word}.wav")) for word in WORDS]
    sounds = [move_sound(audio, 900 + index) for index, audio in enumerate(clips)]
    integer = quantize_kwt(model, sounds)
    scale = integer.tensors["dense.2"].scale
    for audio in clips:
        for seed in range(2):
            given = {"input": model.front_end(move_sound(audio, seed))}
            x = run_real(model.network, given)["dense.2"][0]
            y = run_integer(integer, quantize_inputs(integer, given))["dense.2"][0] * scale
            assert x.argmax() == y.argmax()
            assert x @ y / np.linalg.norm(x) / np.linalg.norm(y) > 0.99


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with pytest.raises(ValueError, match=r"other.h5 is no file: name a .h5 model"):
        read_attention_rnn(path)
    path.write_bytes(b"\x89HDF cut")
    with pytest.raises(ValueError, match=r"other.h5 is no Keras model of the attention RNN"):
        read_attention_rnn(path)
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = '{"config": {"layers": []}}'
    with pytest.raises(ValueError, match=r"other.h5 is no Keras model of the attention RNN"):
        read_attention_rnn(path)


def test_command_writes_its_figures(data: Callable[[str], Path], tmp_path: Path) -> None:
    folder, file = data(MODEL).parent.parent, tmp_path / "figures.json"
    arguments = ["keywords", "--data", str(folder), "--model", "attention-rnn"]
    result = CliRunner().invoke(main, [*arguments, "--count", "1", "--json", str(file)])
    assert result.exit_code == 0, result.output
    figures = json.loads(file.read_text())
    assert figures["sounds"] == figures["equal"] == 5
    wrong = CliRunner().invoke(main, [*arguments, "--delta", "0.1"])
    assert "attention-rnn has no delta attention" in wrong.output
