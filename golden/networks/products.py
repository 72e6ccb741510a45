"""The matrix products of an encoder's layers, as the network's own execution holds them.

Every product is ``requantize(spec, x @ w, multiplier, bias, row_scale)``; one spec serves all.
Scores and context come once per head, with an activation as the weight: K transposed, and V.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from golden.graph import Graph, Operator
from golden.integer import RowScale
from golden.networks.run import run_integer
from golden.ops.attention import attention_steps
from golden.ops.quantize import HEAD_MULTIPLIER
from golden.spec import RequantizeSpec

# Name of the operator -> name of the product, in the order in which a layer runs them.
_PROJECTIONS = {"query": "query", "key": "key", "value": "value"}
_AFTER_ATTENTION = {
    "output": "output",
    "feed_forward_in": "feed-forward in",
    "feed_forward_out": "feed-forward out",
}


@dataclass(frozen=True, kw_only=True)
class Product:
    """One matrix product with its requantisation: ``(N, K) x (K, M) -> (N, M)``.

    ``x`` are codes of 8 bits, unsigned where ``x_signed`` is false; ``w`` are signed codes of 8
    bits. ``head`` is None for products with static weights.
    """

    name: str
    layer: int
    head: int | None
    x: np.ndarray
    x_signed: bool
    w: np.ndarray
    row_scale: RowScale
    multiplier: np.ndarray
    bias: np.ndarray
    spec: RequantizeSpec
    expected: np.ndarray


def products(network: Graph, token_ids: np.ndarray, layers: Iterable[int] = (0,)) -> list[Product]:
    """The eight products of each layer, scores and context once per head, in order of execution."""
    values = run_integer(network, {"token_ids": token_ids})
    operators = {operator.name: operator for operator in network.operators}
    found: list[Product] = []
    for layer in layers:
        if f"layer.{layer}.attention" not in operators:
            raise ValueError(f"graph {network.name!r} has no layer {layer}: layers count from 0")
        for kind, name in _PROJECTIONS.items():
            found.append(_linear(operators[f"layer.{layer}.{kind}"], values, layer, name))
        found.extend(_attention(operators[f"layer.{layer}.attention"], values, layer))
        for kind, name in _AFTER_ATTENTION.items():
            found.append(_linear(operators[f"layer.{layer}.{kind}"], values, layer, name))
    return found


def _linear(operator: Operator, values: dict[str, Any], layer: int, name: str) -> Product:
    x, row_scale, weight, multiplier, bias = (values[name] for name in operator.inputs)
    return Product(
        name=name,
        layer=layer,
        head=None,
        x=x,
        x_signed=True,
        w=weight,
        row_scale=row_scale,
        multiplier=multiplier,
        bias=bias,
        spec=operator.spec,
        expected=values[operator.name].astype(np.int16),
    )


def _attention(operator: Operator, values: dict[str, Any], layer: int) -> Iterator[Product]:
    """Scores of every head, then context of every head."""
    spec = operator.spec
    inputs = [values[name] for name in operator.inputs]
    steps = attention_steps(spec, *inputs)
    if len(steps.probabilities) != 1:
        keys = steps.key.shape[1]
        raise ValueError(
            f"{keys} keys need {len(steps.probabilities)} blocks of {spec.key_block}, whose "
            f"partial contexts are rescaled: give at most {spec.key_block} tokens"
        )
    for head in range(spec.heads):
        yield Product(
            name="scores",
            layer=layer,
            head=head,
            x=steps.query[head],
            x_signed=True,
            w=steps.key[head].T.astype(np.int8),
            row_scale=_row(steps.score_scale, head),
            spec=spec.requantize,
            expected=steps.scores[head].astype(np.int16),
            **_constants(steps.key.shape[1]),
        )
    for head in range(spec.heads):
        yield Product(
            name="context",
            layer=layer,
            head=head,
            x=steps.probabilities[0][head],
            x_signed=False,
            w=steps.value[head].astype(np.int8),
            row_scale=_row(steps.context_scale, head),
            spec=spec.requantize,
            expected=steps.context[head].astype(np.int16),
            **_constants(steps.value.shape[2]),
        )


def _row(scale: RowScale, head: int) -> RowScale:
    return RowScale(scale.mantissa[head], scale.exponent[head])


def _constants(columns: int) -> dict[str, np.ndarray]:
    return {
        "multiplier": np.full(columns, HEAD_MULTIPLIER, np.int64),
        "bias": np.zeros(columns, np.int64),
    }
