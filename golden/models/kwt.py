"""The released KWT-1 keyword spotter: its weights and its front end, from a TFLite file.

    frames of 480 samples every 160, windowed                       (98, 480)
    magnitude of the discrete Fourier transform, mel bands, log     (98, 80)
    discrete cosine transform, scaled                               (98, 40)

Source: https://github.com/ARM-software/keyword-transformer (Apache-2.0), KWT-1 with 12 labels. The
file is no part of this project: the caller names it.
"""

import wave
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from golden.graph import Graph
from golden.models.tflite import Model, read_tflite
from golden.networks.keyword import keyword_transformer, kwt_shape
from golden.quantize import quantize_network

LABELS = (
    *("silence", "unknown", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"),
)
SAMPLES = 16_000
_FRAME, _HOP, _FRAMES = 480, 160, 98
_LAYERS = 12


class FrontEnd(NamedTuple):
    """Constants of the features, as the file has them."""

    window: np.ndarray  # (480,)
    real: np.ndarray  # (244, 480)
    imaginary: np.ndarray  # (244, 480)
    mel: np.ndarray  # (80, 244)
    least: np.ndarray  # ()
    cosines: np.ndarray  # (40, 80)
    mean: np.ndarray  # ()
    scale: np.ndarray  # (40,)

    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """Features (98, 40) of one second of audio at 16 kHz, between -1 and 1, (16000,)."""
        if audio.shape != (SAMPLES,):
            raise ValueError(f"a keyword has {SAMPLES} samples, not {audio.shape}: cut or pad it")
        starts = np.arange(_FRAMES)[:, None] * _HOP
        frames = audio[starts + np.arange(_FRAME)] * self.window  # (98, 480)
        magnitude = np.hypot(frames @ self.real.T, frames @ self.imaginary.T)  # (98, 244)
        bands = np.log(np.maximum(magnitude @ self.mel.T, self.least))  # (98, 80)
        return (bands @ self.cosines.T - self.mean) * self.scale


class KeywordModel(NamedTuple):
    """What a file gives: features of a sound, and the network that reads them."""

    front_end: Callable[[np.ndarray], np.ndarray]
    network: Graph


def read_kwt(path: Path, delta: float | None = None) -> KeywordModel:
    """The real network with the file's weights; ``delta`` is the threshold of delta attention."""
    model = read_tflite(path)
    spectrum, speech = "speech_features/magnitude_rdf_tmel/MatMul", "speech_features"
    front_end = FrontEnd(
        window=model.constant(f"{speech}/windowing/mul/y"),
        real=model.constant(spectrum),
        imaginary=model.constant(f"{spectrum}_1"),
        mel=model.constant(f"{spectrum}_2"),
        least=model.constant("Maximum/y"),
        cosines=model.constant(f"{speech}/dct/MatMul"),
        mean=model.constant("normalizer/sub/y"),
        scale=model.constant("normalizer/truediv/y"),
    )
    # The network's approximation of GELU is the file's.
    shape = kwt_shape(heads=1, layers=_LAYERS, delta=delta, activation="gelu_tanh")
    return KeywordModel(front_end.__call__, keyword_transformer("kwt1", shape, _weights(model)))


def read_sound(path: Path) -> np.ndarray:
    """One second of a mono file of 16 bits at 16 kHz, (16000,): cut, or silent at its end."""
    with wave.open(str(path)) as file:
        form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if form != (1, 2, SAMPLES):
            raise ValueError(
                f"{path} has {form} channels, bytes and samples a second, not 1, 2, 16000"
            )
        samples = np.frombuffer(file.readframes(SAMPLES), "<i2").astype(np.float32) / 32768
    return np.pad(samples, (0, SAMPLES - len(samples)))


def move_sound(audio: np.ndarray, seed: int) -> np.ndarray:
    """Up to 100 ms earlier or later, at 0.3 to 1 of its loudness, with faint noise; (16000,)."""
    rng = np.random.default_rng(seed)
    shift = int(rng.integers(-SAMPLES // 10, SAMPLES // 10 + 1))
    placed = np.zeros(SAMPLES, np.float32)
    first, last = max(shift, 0), SAMPLES + min(shift, 0)
    placed[first:last] = audio[first - shift : last - shift]
    return (placed * rng.uniform(0.3, 1) + rng.normal(0, 1e-3, SAMPLES)).astype(np.float32)


def quantize_kwt(model: KeywordModel, sounds: Iterable[np.ndarray]) -> Graph:
    """The network in integers, calibrated on sounds."""
    return quantize_network(model.network, [{"input": model.front_end(x)} for x in sounds])


def _weights(model: Model) -> dict[str, np.ndarray]:
    """Our names; matrices as (K, M)."""
    weights = {
        "patch.weight": model.constant("kws_transformer/dense/Tensordot/MatMul").T,
        "patch.bias": model.constant("kws_transformer/dense/bias"),
        "class.table": model.constant("class_emb")[0],
        "position.table": model.constant("pos_emb")[0],
        "output.weight": model.constant("dense_73/MatMul").T,
        "output.bias": model.constant("dense_73/bias"),
    }
    for layer in range(_LAYERS):
        ours, suffix = f"layer.{layer}", f"_{layer}" if layer else ""
        block = f"kws_transformer/transformer_block{suffix}"
        attention, inner = (
            f"{block}/multi_head_self_attention{suffix}",
            f"{block}/sequential{suffix}",
        )
        first = 6 * layer + 1
        for offset, (part, name, bias) in enumerate((
            (attention, "query", False),
            (attention, "key", False),
            (attention, "value", False),
            (attention, "output", True),
            (inner, "feed_forward_in", True),
            (inner, "feed_forward_out", True),
        )):  # fmt: skip
            dense = f"{part}/dense_{first + offset}"
            weights[f"{ours}.{name}.weight"] = model.constant(f"{dense}/Tensordot/MatMul").T
            if bias:
                weights[f"{ours}.{name}.bias"] = model.constant(f"{dense}/bias")
        for offset, name in enumerate(("attention.norm", "feed_forward.norm")):
            number = 2 * layer + offset
            norm = f"{block}/layer_normalization{f'_{number}' if number else ''}"
            weights[f"{ours}.{name}.gain"] = model.constant(f"{norm}/gamma")
            weights[f"{ours}.{name}.bias"] = model.constant(f"{norm}/beta")
    return weights
