"""The voice detector of the PyPI package ``silero-vad``: its weights and its front end, at 16 kHz.

    chunks of 512 samples after the last 64 before them, the last 64 mirrored    (T, 640)
    four frames of 256 samples every 128, windowed Fourier transform             (T, 4, 258)
    magnitudes                                                                   (T, 4, 129)

Source: https://github.com/snakers4/silero-vad (MIT), silero_vad_16k.safetensors.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from golden.graph import Graph
from golden.models.gates import Weights, torch_lstm
from golden.models.package import package_file
from golden.networks.run import quantize_inputs, run_integer, run_real
from golden.networks.voice import FRAMES, voice_detector
from golden.quantize import QuantizeSettings, quantize_network

CHUNK = 512
_CONTEXT, _FRAME, _HOP, _BANDS, _STATES = 64, 256, 128, 129, 128


class VoiceModel(NamedTuple):
    """The basis of the front end, (256, 258), and the real network."""

    basis: np.ndarray
    network: Graph

    def inputs(self, audio: np.ndarray) -> dict[str, np.ndarray]:
        """What the network reads of a sound at 16 kHz, between -1 and 1, (S,); silent states."""
        if audio.ndim != 1 or not len(audio):
            raise ValueError(f"a sound is one row of samples, not of the shape {audio.shape}")
        count = -(-len(audio) // CHUNK)
        padded = np.pad(audio, (_CONTEXT, count * CHUNK - len(audio)))
        starts = np.arange(count)[:, None] * CHUNK
        chunks = padded[starts + np.arange(_CONTEXT + CHUNK)]  # (T, 576)
        chunks = np.pad(chunks, ((0, 0), (0, _CONTEXT)), mode="reflect")  # (T, 640)
        frames = np.arange(FRAMES)[:, None] * _HOP + np.arange(_FRAME)
        parts = chunks[:, frames] @ self.basis  # (T, 4, 258)
        silent = np.zeros((1, _STATES), np.float32)
        return {
            "input": np.hypot(parts[..., :_BANDS], parts[..., _BANDS:]),
            "hidden": silent,
            "cell": silent,
        }

    def real(self, audio: np.ndarray) -> np.ndarray:
        """The probability of a voice in each chunk, (T,)."""
        return run_real(self.network, self.inputs(audio))["probability"][:, 0]

    def integer(self, network: Graph, audio: np.ndarray) -> np.ndarray:
        """The same of the network in integers."""
        given = quantize_inputs(network, self.inputs(audio))
        scale = network.tensors["probability"].scale
        return run_integer(network, given)["probability"][:, 0] * scale

    def quantize(
        self, sounds: Iterable[np.ndarray], settings: QuantizeSettings | None = None
    ) -> Graph:
        """The network in integers, calibrated on sounds."""
        return quantize_network(self.network, [self.inputs(x) for x in sounds], settings)


@cache
def silero() -> VoiceModel:
    """The package's network."""
    return read_silero(package_file("silero_vad", "data/silero_vad_16k.safetensors"))


def read_silero(path: Path) -> VoiceModel:
    """The front end and the real network of a file as the package has it."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        file = load_file(path)
        basis = file["stft_conv.weight"][:, 0].T
        return VoiceModel(basis, voice_detector("silero", _weights(file)))
    except (OSError, KeyError, SafetensorError) as error:
        raise ValueError(f"{path} is no network of silero-vad: install it again") from error


def _weights(file: Mapping[str, np.ndarray]) -> Weights:
    """Our names; convolutions as matrices (taps channels, filters), of the taps that meet data."""
    weights: Weights = {}
    for index, taps in enumerate((slice(3), slice(3), slice(1, 3), slice(1, 2))):
        kernel = file[f"conv{index + 1}.weight"][..., taps]  # (filters, channels, taps)
        weights[f"convolution.{index}.weight"] = kernel.transpose(2, 1, 0).reshape(-1, len(kernel))
        weights[f"convolution.{index}.bias"] = file[f"conv{index + 1}.bias"]
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights |= torch_lstm("recurrent", *(file[f"lstm_cell.{name}"] for name in names))
    weights["output.weight"] = file["final_conv.weight"][..., 0].T
    weights["output.bias"] = file["final_conv.bias"]
    return weights
