"""The released voice detector: the package's own ONNX network, integers against floats."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import load_file, save_file

from golden.__main__ import main
from golden.models.kwt import move_sound, read_sound
from golden.models.package import package_file
from golden.models.silero import CHUNK, read_silero, silero
from golden.networks.run import run_real
from golden.quantize import QuantizeSettings
from golden.spec import RequantizeSpec, RowScaleSpec

pytestmark = [
    pytest.mark.xdist_group("silero"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
VOICES = ("go", "left", "yes")


def chirps(seed: int, chunks: int = 12) -> np.ndarray:
    """Harmonics that rise and fall, with pauses and noise: something to hear, nobody's voice."""
    rng = np.random.default_rng(seed)
    time = np.arange(chunks * CHUNK) / 16_000
    pitch = 120 + 40 * np.sin(2 * np.pi * 3 * time + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    tone = sum(np.sin(n * phase) * rng.uniform(0.2, 1) / n for n in range(1, 20))
    loud = 0.1 * np.maximum(np.sin(2 * np.pi * 4 * time), 0)
    return (tone * loud + rng.normal(0, 1e-3, len(time))).astype(np.float32)


def package_network() -> ReferenceEvaluator:
    """The package's graph for ONNX, which has newer weights, with those of its safetensors file."""
    model = onnx.load(package_file("silero_vad", "data/silero_vad_16k_sequence.onnx"))
    file = load_file(package_file("silero_vad", "data/silero_vad_16k.safetensors"))
    weights = {"stft.forward_basis_buffer": file["stft_conv.weight"]}
    for index in range(4):
        for part in ("weight", "bias"):
            weights[f"encoder.{index}.{part}"] = file[f"conv{index + 1}.{part}"]
    weights |= {f"output.{part}": file[f"final_conv.{part}"] for part in ("weight", "bias")}

    def gates(x: np.ndarray) -> np.ndarray:
        i, f, candidate, o = np.split(x, 4)
        return np.concatenate([i, o, f, candidate])[None]

    (cell,) = (node for node in model.graph.node if node.op_type == "LSTM")
    for name, part in zip(cell.input[1:3], ("weight_ih", "weight_hh"), strict=True):
        weights[name] = gates(file[f"lstm_cell.{part}"])
    biases = [gates(file[f"lstm_cell.{part}"]) for part in ("bias_ih", "bias_hh")]
    weights[cell.input[3]] = np.concatenate(biases, axis=1)
    for constant in model.graph.initializer:
        if constant.name in weights:
            constant.CopyFrom(numpy_helper.from_array(weights.pop(constant.name), constant.name))
    assert not weights
    return ReferenceEvaluator(model)


def test_probabilities_are_those_of_the_package() -> None:
    """To 1e-4, over a sound of uneven length."""
    sound = chirps(1)[:-100]
    chunks = np.pad(sound, (64, 100))
    given = np.stack([chunks[start : start + 576] for start in range(0, len(sound), CHUNK)])
    silent = np.zeros((1, 1, 128), np.float32)
    (expected,) = package_network().run(
        ["speech_probs"], {"input": given, "h": silent, "c": silent}
    )
    found = silero().real(sound)
    assert np.ptp(found) > 0.2
    np.testing.assert_allclose(found, np.ravel(expected), rtol=0, atol=1e-4)


def test_states_go_on_in_another_run() -> None:
    network, inputs = silero().network, silero().inputs(chirps(2))
    whole = run_real(network, inputs)
    first = run_real(network, {**inputs, "input": inputs["input"][:5]})
    states = {"hidden": first["recurrent"][-1:], "cell": first["recurrent.cells"][-1:]}
    second = run_real(network, {"input": inputs["input"][5:], **states})
    np.testing.assert_allclose(second["probability"], whole["probability"][5:], atol=1e-5)


@pytest.mark.parametrize(("bits", "mean"), [(8, 0.15), (16, 0.005)])
def test_integers_stay_near(bits: int, mean: float) -> None:
    """Of sounds that the network is in doubt about, chunk after chunk."""
    settings = QuantizeSettings(
        weight_bits=bits,
        rows=RowScaleSpec(output_bits=bits),
        requantize=RequantizeSpec(accumulator_bits=48),
    )
    model = silero()
    network = model.quantize([chirps(seed) for seed in range(10, 14)], settings)
    errors = [model.real(chirps(n)) - model.integer(network, chirps(n)) for n in range(3)]
    assert np.abs(errors).mean() < mean


def test_voices_are_heard(data: Callable[[str], Path]) -> None:
    model = silero()
    clips = {n: read_sound(data(f"clips/{n}.wav")) for n in (*VOICES, "noise_1000ms")}
    network = model.quantize([move_sound(x, 900 + n) for n, x in enumerate(clips.values())])
    for name, sound in clips.items():
        x, y = model.real(sound), model.integer(network, sound)
        assert (x.max() > 0.5) == (y.max() > 0.5) == (name in VOICES)
        assert ((x > 0.5) == (y > 0.5)).mean() > 0.9


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    for content in (None, b"cut"):
        if content:
            path.write_bytes(content)
        with pytest.raises(ValueError, match=r"other.safetensors is no network of silero-vad"):
            read_silero(path)
    save_file({"stft_conv.weight": np.zeros((258, 1, 256), np.float32)}, path)
    with pytest.raises(ValueError, match=r"other.safetensors is no network of silero-vad"):
        read_silero(path)
    with pytest.raises(ValueError, match=r"a sound is one row of samples, not of the shape \(0,\)"):
        silero().inputs(np.zeros(0))


def test_command_writes_its_figures(data: Callable[[str], Path], tmp_path: Path) -> None:
    folder, file = data("clips/noise_1000ms.wav").parent.parent, tmp_path / "figures.json"
    arguments = ["voice", "--data", str(folder), "--count", "1", "--json", str(file)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    figures = json.loads(file.read_text())
    assert figures["chunks"] == 7 * 32
    assert figures["equal"] >= 0.97 * figures["chunks"]
    assert figures["least_of_a_voice"] > 0.5 > figures["most_of_no_voice"]
