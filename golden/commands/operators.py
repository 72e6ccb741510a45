"""``python -m golden operators``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from rich.table import Table

from golden.commands.report import json_option, progress, terminal, write
from golden.graph import Graph, Operator
from golden.integer import integer_range
from golden.models import minilm
from golden.networks.run import run_integer
from golden.real.activation import gelu
from golden.real.layer_norm import layer_norm

GELU_CURVATURE = float(np.sqrt(2 / np.pi))
"""Largest magnitude of GELU's second derivative."""


class Errors(NamedTuple):
    """What an operator gave for one sentence, in its output's integers, element by element.

    ``bound`` is the one that the operator's docstring states; saturated results are left out.
    """

    error: np.ndarray
    bound: np.ndarray


@click.command()
@click.option("--count", default=50, show_default=True, help="How many of the sentences.")
@json_option
def operators(count: int, json_file: Path | None) -> None:
    """Layer norm and GELU of the sentence encoder: integers against floats of the same integers.

    The rows are those of real sentences in the integer network; errors are in output integers,
    beside the bounds that the operators state.
    """
    console = terminal()
    with console.status("calibrating"):
        network = minilm.integer_network()
    tokenizer = minilm.Tokenizer()
    found: dict[str, list[Errors]] = {}
    for ids in progress([tokenizer(sentence) for sentence in minilm.sentences()[:count]]):
        for name, errors in sentence_errors(network, ids):
            found.setdefault(name, []).append(errors)
    table = Table(title=f"Operators of minilm against floats, {count} sentences, output integers")
    for header in ("operator", "elements", "max error", "mean", "largest part of its bound"):
        table.add_column(header, justify="left" if header == "operator" else "right")
    figures: dict[str, dict[str, float]] = {}
    for name, parts in _with_totals(found).items():
        error, bound = (np.concatenate(one) for one in zip(*parts, strict=True))
        figures[name] = {
            "elements": len(error),
            "max": float(error.max()),
            "mean": float(error.mean()),
            "of_bound": float((error / bound).max()),
        }
        shown = (f"{figures[name][key]:.3f}" for key in ("max", "mean", "of_bound"))
        table.add_row(name, str(len(error)), *shown)
    console.print(table)
    write(json_file, {"sentences": count, "operators": figures})


def sentence_errors(network: Graph, token_ids: np.ndarray) -> Iterator[tuple[str, Errors]]:
    """Errors of every layer norm and every GELU of ``network``, by name."""
    real = minilm.real_network()
    originals = {operator.name: operator for operator in real.operators}
    values = run_integer(network, {"token_ids": token_ids})
    for operator in network.operators:
        if operator.kind == "layer_norm":
            exact, bound = _exact_norm(network, operator, originals[operator.name], values)
        elif operator.kind == "activation" and operator.spec.function == "gelu":
            exact, bound = _exact_gelu(network, operator, values)
        else:
            continue
        low, high = integer_range(network.tensors[operator.name].bits)
        inside = (exact - bound > low) & (exact + bound < high)
        error = np.abs(values[operator.name] - exact)
        yield operator.name, Errors(error[inside], bound[inside])


def _exact_norm(
    network: Graph, operator: Operator, original: Operator, values: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    source = operator.inputs[0]
    scale = network.tensors[source].scale
    output_scale = network.tensors[operator.name].scale
    gain = minilm.real_network().constants[original.inputs[1]].astype(np.float64)
    # Calibration moves biases to make up for what others round: those of the integers count.
    bias = values[operator.inputs[2]] * 2.0**-operator.spec.requantize.bias_fraction_bits
    x = values[source] * scale  # (N, D)
    epsilon = original.spec["epsilon"]
    exact = layer_norm(x, gain, bias * output_scale, epsilon=epsilon) / output_scale
    deviation = np.sqrt(x.var(axis=-1, keepdims=True) + epsilon)
    finest = scale * 2.0**-operator.spec.mean_fraction_bits
    through = np.abs(gain) * finest / deviation / output_scale
    return exact, 1 + 3 * 2.0**-13 * np.abs(exact - bias) + through


def _exact_gelu(
    network: Graph, operator: Operator, values: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    spec = operator.spec
    x = values[operator.inputs[0]] * 2.0**-spec.input_fraction_bits
    segment = 2.0 ** (spec.remainder_bits - spec.input_fraction_bits)
    bound = spec.output_unit * segment**2 / 8 * GELU_CURVATURE + 1
    exact = gelu(x) * spec.output_unit
    return exact, np.full(exact.shape, bound)


def _with_totals(found: Mapping[str, list[Errors]]) -> dict[str, list[Errors]]:
    """The operators, and all of a kind together."""
    norms = [part for name, parts in found.items() if name.endswith("norm") for part in parts]
    others = [part for name, parts in found.items() if not name.endswith("norm") for part in parts]
    return {**found, "all layer norms": norms, "all GELUs": others}
