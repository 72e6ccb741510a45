"""Calibration: a real network and sample inputs give the integer network.

Every tensor between operators becomes INT16 with one static scale; each linear reads INT8 codes of
its input, made once per tensor; weights are INT8 per output channel. ``golden.quantization.forms``
has the integer form of each kind of operator.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from golden.graph import Graph
from golden.quantization.bias_correction import correct_biases
from golden.quantization.builder import IntegerBuilder, QuantizeSettings
from golden.quantization.forms import FORMS

__all__ = ["QuantizeSettings", "quantize_network"]


def quantize_network(
    graph: Graph,
    samples: Iterable[Mapping[str, Any]],
    settings: QuantizeSettings | None = None,
) -> Graph:
    """The integer network of a real one; ``samples`` are inputs as the network will see them."""
    samples = list(samples)
    build = IntegerBuilder(graph, samples, settings or QuantizeSettings())
    for operator in graph.operators:
        if operator.kind not in FORMS:
            raise ValueError(
                f"operator {operator.name!r} of kind {operator.kind!r} has no integer form"
            )
        FORMS[operator.kind](build, operator)
    return correct_biases(graph, build.graph.finish(*graph.outputs), samples)
