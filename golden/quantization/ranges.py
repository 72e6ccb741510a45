"""Ranges of tensors over the calibration samples: largest, percentile, or least squared error.

- absmax: the largest magnitude; nothing saturates that calibration saw.
- percentile: what ``PERCENTILE`` of the magnitudes stay within; rare outliers saturate.
- mse: of ``RATIOS`` of the largest magnitude, that whose codes have the least mean squared error,
  clipping and rounding together.

Source: Wu et al., Integer quantization for deep learning inference, 2020 (absmax, percentile);
Nagel et al., A white paper on neural network quantization, 2021 (mse).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, get_args

import numpy as np

from golden.graph import Graph, Operator
from golden.integer import integer_range

Calibration = Literal["absmax", "percentile", "mse"]
Run = Callable[[Graph, Mapping[str, Any]], dict[str, Any]]

PERCENTILE = 99.99
RATIOS = np.linspace(1.0, 0.3, 29)


class Ranges:
    """Magnitudes of every real tensor that the graph reads as an input or makes."""

    def __init__(
        self,
        graph: Graph,
        samples: Iterable[Mapping[str, Any]],
        run: Run,
        method: Calibration = "absmax",
    ) -> None:
        if method not in get_args(Calibration):
            raise ValueError(f"calibration must be one of {get_args(Calibration)}, not {method!r}")
        self._method = method
        # absmax needs one row of maxima, the others every value.
        self._rows: dict[str, list[np.ndarray]] = {}
        made = [name for operator in graph.operators for name in operator.outputs]
        for sample in samples:
            values = run(graph, sample)
            for name in (*graph.inputs, *made):
                x = np.asarray(values[name])
                if x.dtype.kind == "f":
                    self._add(name, np.abs(x.reshape(-1, x.shape[-1])))
            for operator in graph.operators:
                for name, product in _state_products(operator, values):
                    self._add(name, np.abs(product))
        if not self._rows:
            raise ValueError("calibration needs at least one sample input")

    def __iter__(self) -> Iterator[str]:
        """Names of the tensors."""
        return iter(self._rows)

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def width(self, name: str) -> int:
        """Length of the tensor's last axis."""
        return self._rows[name][0].shape[-1]

    def largest(self, name: str, bits: int, groups: int = 1) -> np.ndarray:
        """Magnitude that codes of ``bits`` bits should reach, of each group of columns."""
        rows = np.concatenate(self._rows[name])
        return np.array([self._range(x, bits) for x in np.split(rows, groups, axis=1)])

    def _add(self, name: str, x: np.ndarray) -> None:
        kept = self._rows.setdefault(name, [])
        if self._method == "absmax":
            x = x.max(axis=0, keepdims=True)
            kept[:] = [np.maximum(kept[0], x) if kept else x]
        else:
            kept.append(x)

    def _range(self, x: np.ndarray, bits: int) -> float:
        largest = float(x.max())
        if self._method == "absmax" or largest == 0:
            return largest
        if self._method == "percentile":
            return float(np.percentile(x, PERCENTILE))
        limit = integer_range(bits)[1]
        errors = []
        for ratio in RATIOS:
            scale = largest * ratio / limit
            codes = np.minimum(np.floor(x / scale + 0.5), limit)
            errors.append(float(((codes * scale - x) ** 2).mean()))
        return float(largest * RATIOS[int(np.argmin(errors))])


def _state_products(
    operator: Operator, values: Mapping[str, Any]
) -> Iterator[tuple[str, np.ndarray]]:
    """What a cell adds to its gates, which has their format, by the gates' name.

    Each product of a state or context counts, so that none saturates before it is added.
    """
    if operator.kind not in {"rnn", "gru", "lstm", "attention_recurrent"}:
        return
    gates, key = operator.inputs[0], operator.inputs[1]
    states = values[operator.outputs[0]]
    if operator.kind == "attention_recurrent":
        lstm = operator.spec.get("cell") == "lstm"
        wq, wc, wh, *rest = operator.inputs[5 if lstm else 4 :]
        if operator.spec.get("score", "additive") == "additive":
            yield key, states @ values[wq]
        yield gates, values[operator.outputs[-1]] @ values[wc]
        biased = operator.spec.get("cell", "gru") == "gru"
    else:
        _, wh, *rest = operator.inputs
        biased = operator.kind == "gru"
    yield gates, states @ values[wh] + (values[rest[0]] if biased else 0)
