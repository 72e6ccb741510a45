"""The sentence encoder in ONNX Runtime: in floats, and in the INT8 forms that its users have.

    float32                       the graph of ``golden.models.onnx_export``
    dynamic_per_channel           weights per output channel, activations per tensor as they come
    dynamic_per_channel_products  the same of the linears alone; embeddings stay floats
    dynamic_default               weights per tensor
    static                        QDQ: activations per tensor by calibration, attention's products
                                  as well

Softmax, layer norm and GELU are floats in all of them. Needs the extra ``reference``.

Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

import importlib.util
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from golden.models import minilm
from golden.models.accuracy import Embed

FLOAT = "float32"


def available() -> bool:
    """Whether the package ``onnxruntime`` is installed."""
    return importlib.util.find_spec("onnxruntime") is not None


@contextmanager
def encoders() -> Iterator[dict[str, Callable[[], Embed]]]:
    """What makes the embedding function of every form, by its name; the floats come first."""
    from onnx import save

    from golden.models.onnx_export import bert_onnx

    with tempfile.TemporaryDirectory() as folder:
        real = Path(folder) / "float32.onnx"
        network = minilm.real_network()
        save(bert_onnx(minilm.SHAPE, network.constants, "sentence_embedding"), real)
        yield {
            FLOAT: lambda: _embed(real),
            "dynamic_per_channel": lambda: _embed(_dynamic(real, per_channel=True)),
            "dynamic_per_channel_products": lambda: _embed(
                _dynamic(real, per_channel=True, op_types_to_quantize=["MatMul"])
            ),
            "dynamic_default": lambda: _embed(_dynamic(real)),
            "static": lambda: _embed(_static(real)),
        }


class Calibration:
    """Inputs of ``sentences``, one after the other, as ONNX Runtime's calibration asks for them."""

    def __init__(self, sentences: Sequence[str]) -> None:
        tokenizer = minilm.Tokenizer()
        self._ids = iter([tokenizer(sentence) for sentence in sentences])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Inputs of the next sentence; ``None`` after the last."""
        ids = next(self._ids, None)
        return None if ids is None else _inputs(ids)


def _inputs(token_ids: np.ndarray) -> dict[str, np.ndarray]:
    """One sentence is a batch of its own, without padding."""
    return {"input_ids": token_ids[None], "attention_mask": np.ones((1, len(token_ids)), np.int64)}


def _embed(path: Path) -> Embed:
    from onnxruntime import InferenceSession

    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda token_ids: session.run(None, _inputs(token_ids))[0][0]


def _dynamic(real: Path, **options: Any) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = real.with_name("dynamic.onnx")
    with _quiet():
        quantize_dynamic(real, path, weight_type=QuantType.QInt8, **options)
    return path


def _static(real: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_static

    path = real.with_name("static.onnx")
    with _quiet():
        quantize_static(
            real,
            path,
            Calibration(minilm.sentences("calibration")),
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the quantiser's advice, which it logs as warnings."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
