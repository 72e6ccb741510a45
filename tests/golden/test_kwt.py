"""The released KWT-1: our network against the file's own operators, integers against floats."""

import json
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tflite_graph import run_file

from golden.__main__ import main
from golden.models.kwt import LABELS, KeywordModel, move_sound, quantize_kwt, read_kwt, read_sound
from golden.models.tflite import read_tflite
from golden.networks.run import quantize_inputs, run_integer, run_real

pytestmark = pytest.mark.xdist_group("kwt")
MODEL = "kwt1/kwt1-12.tflite"
WORDS = ("down", "go", "left", "no", "yes")


@pytest.fixture
def model(data: Callable[[str], Path]) -> KeywordModel:
    return read_kwt(data(MODEL))


@pytest.fixture
def clips(data: Callable[[str], Path]) -> dict[str, np.ndarray]:
    return {word: read_sound(data(f"clips/{word}.wav")) for word in WORDS}


def test_scores_are_those_of_the_file(
    data: Callable[[str], Path], model: KeywordModel, clips: dict[str, np.ndarray]
) -> None:
    """Every operator of the file, its front end too; to 1e-4 of scores of about 4."""
    file = read_tflite(data(MODEL))
    for seed, audio in enumerate(clips.values()):
        sound = move_sound(audio, seed)
        (expected,) = run_file(file, sound[None])
        given = {"input": model.front_end(sound)}
        found = run_real(model.network, given)["output"]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_words_are_heard(model: KeywordModel, clips: dict[str, np.ndarray]) -> None:
    for word, audio in clips.items():
        scores = run_real(model.network, {"input": model.front_end(audio)})["output"][0]
        assert LABELS[scores.argmax()] == word


def test_the_file_has_the_published_parameters(model: KeywordModel) -> None:
    constants = model.network.constants
    assert sum(x.size for n, x in constants.items() if not n.endswith(".zeros")) == 607_308


def test_integers_hear_the_same(model: KeywordModel, clips: dict[str, np.ndarray]) -> None:
    """Calibrated on other shifts than those that are heard; 4 of each word."""
    sounds = [move_sound(audio, 900 + index) for index, audio in enumerate(clips.values())]
    integer = quantize_kwt(model, sounds)
    scale = integer.tensors["output"].scale
    for audio in clips.values():
        for seed in range(4):
            given = {"input": model.front_end(move_sound(audio, seed))}
            x = run_real(model.network, given)["output"][0]
            y = run_integer(integer, quantize_inputs(integer, given))["output"][0] * scale
            assert x.argmax() == y.argmax()
            assert x @ y / np.linalg.norm(x) / np.linalg.norm(y) > 0.995


def test_a_sound_has_one_second(model: KeywordModel) -> None:
    with pytest.raises(ValueError, match=r"a keyword has 16000 samples, not \(8000,\)"):
        model.front_end(np.zeros(8000))


def test_a_damaged_file_is_refused(data: Callable[[str], Path], tmp_path: Path) -> None:
    content = data(MODEL).read_bytes()
    part = tmp_path / "part.tflite"
    for length in (20, 1000, 100_000, len(content) // 2, len(content) - 100):
        part.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"is damaged .* copy it again|constants end with"):
            read_kwt(part)
    part.write_bytes(b"RIFF" + content[:100])
    with pytest.raises(ValueError, match=r"is no TFLite model of version 3"):
        read_tflite(part)
    with pytest.raises(ValueError, match=r"is no file: name a \.tflite model"):
        read_tflite(tmp_path / "none.tflite")


def test_another_form_of_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 48000, 0, "NONE", ""))
        file.writeframes(b"\0" * 400)
    with pytest.raises(ValueError, match=r"stereo.wav has .*2, 2, 48000.*, not 1, 2, 16000"):
        read_sound(path)


def test_keywords_command_writes_its_figures(data: Callable[[str], Path], tmp_path: Path) -> None:
    folder, file = data(MODEL).parent.parent, tmp_path / "figures.json"
    arguments = ["keywords", "--data", str(folder), "--count", "1", "--json", str(file)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    figures = json.loads(file.read_text())
    assert figures["sounds"] == figures["equal"] == 5
    result = CliRunner().invoke(main, [*arguments, "--delta", "0.1"])
    assert result.exit_code == 0, result.output
    figures = json.loads(file.read_text())
    assert figures["equal"] == 5
    assert figures["unchanged"] > 0.4
    wrong = CliRunner().invoke(main, ["keywords", "--data", str(tmp_path)])
    assert "is no file: name a .tflite model" in wrong.output
