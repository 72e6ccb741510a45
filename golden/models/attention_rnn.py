"""The released attention RNN keyword spotter: its weights and its front end, from a Keras file.

    frames of 1024 samples every 128, Hann window                   (125, 1024)
    magnitude of the discrete Fourier transform                     (125, 513)
    mel bands, log(x + 1e-6), mean 0 and deviation 1 over all       (125, 80)

Source: https://github.com/douglas125/SpeechCmdRecognition (MIT), model-attRNN.h5; de Andrade et
al., A neural attention model for speech command recognition, 2018. The file is no part of this
project: the caller names it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from golden.models.gates import Weights, keras_lstm
from golden.models.kwt import SAMPLES, KeywordModel
from golden.networks.keyword import ATT_RNN, attention_rnn

LABELS = (
    *("unknown", "nine", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"),
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "backward", "bed"),
    *("bird", "cat", "dog", "follow", "forward", "happy", "house", "learn", "marvin", "sheila"),
    *("tree", "visual", "wow"),
)
_FRAME, _HOP = 1024, 128


class FrontEnd(NamedTuple):
    """The bands of the features, as the file has them."""

    mel: np.ndarray  # (513, 80)

    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """Features (125, 80) of one second of audio at 16 kHz, between -1 and 1, (16000,)."""
        if audio.shape != (SAMPLES,):
            raise ValueError(f"a keyword has {SAMPLES} samples, not {audio.shape}: cut or pad it")
        # The last frames reach beyond the end, where it is silent.
        padded = np.pad(audio, (0, _FRAME))
        starts = np.arange(0, SAMPLES, _HOP)[:, None]
        # Hann's window as TensorFlow has it, of the period and not of the length.
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME)
        frames = padded[starts + np.arange(_FRAME)] * window  # (125, 1024)
        bands = np.log(np.abs(np.fft.rfft(frames)) @ self.mel + 1e-6)  # (125, 80)
        return ((bands - bands.mean()) / bands.std()).astype(np.float32)


def read_attention_rnn(path: Path) -> KeywordModel:
    """The real network with the file's weights."""
    import h5py

    if not path.is_file():
        raise ValueError(f"{path} is no file: name a .h5 model")
    try:
        with h5py.File(path) as file:
            config = json.loads(file.attrs["model_config"])
            weights = _weights(file["model_weights"])
        front_end = FrontEnd(_mel(config["config"]["layers"]))
    except (OSError, KeyError, StopIteration) as error:
        raise ValueError(f"{path} is no Keras model of the attention RNN ({error})") from error
    return KeywordModel(front_end.__call__, attention_rnn("attention_rnn", ATT_RNN, weights))


def _mel(layers: list[dict[str, Any]]) -> np.ndarray:
    """The matrix that the front end, a model inside the model, multiplies with."""
    inner = next(one["config"]["layers"] for one in layers if "layers" in one["config"])
    product = next(one for one in inner if one["config"].get("function") == "tensordot")
    return np.array(product["inbound_nodes"][0][3]["b"], np.float32)


def _weights(file: Mapping[str, Any]) -> Weights:
    """Our names; convolutions of five frames as matrices (5 channels, filters)."""

    def read(layer: str, name: str) -> np.ndarray:
        return np.asarray(file[f"{layer}/{layer}/{name}:0"])

    weights: Weights = {}
    for index, suffix in enumerate(("", "_1")):
        ours = f"convolution.{index}"
        kernel = read(f"conv2d{suffix}", "kernel")  # (5, 1, channels, filters)
        weights[f"{ours}.weight"] = kernel.reshape(-1, kernel.shape[-1])
        weights[f"{ours}.bias"] = read(f"conv2d{suffix}", "bias")
        for name, theirs in (
            ("gain", "gamma"),
            ("bias", "beta"),
            ("mean", "moving_mean"),
            ("variance", "moving_variance"),
        ):
            weights[f"{ours}.norm.{name}"] = read(f"batch_normalization{suffix}", theirs)
    for index, suffix in enumerate(("", "_1")):
        for direction, cell in (("forward", 3 * index + 1), ("backward", 3 * index + 2)):
            layer = f"{direction}_lstm{suffix}/lstm_cell_{cell}"
            names = (f"{layer}/{name}" for name in ("kernel", "recurrent_kernel", "bias"))
            parts = (read(f"bidirectional{suffix}", name) for name in names)
            weights |= keras_lstm(f"recurrent.{index}.{direction}", *parts)
    for ours, theirs in (
        ("query", "dense"),
        ("dense.0", "dense_1"),
        ("dense.1", "dense_2"),
        ("dense.2", "output"),
    ):
        weights[f"{ours}.weight"], weights[f"{ours}.bias"] = (
            read(theirs, name) for name in ("kernel", "bias")
        )
    return weights
