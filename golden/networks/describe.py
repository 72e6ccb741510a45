"""What a network consists of: operators, multiplications and bytes, for given lengths."""

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

import numpy as np

from golden.graph import Graph, Operator


class OperatorSize(NamedTuple):
    """One operator's output shape, multiply-accumulates, bytes of its constants and its output.

    ``whole_rows``: attention as two plain products, a softmax of whole rows between them.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    macs: int
    constant_bytes: int
    output_bytes: int
    whole_rows: bool = False


def describe(graph: Graph, lengths: Mapping[str, int]) -> list[OperatorSize]:
    """Every operator of ``graph`` with the named lengths, such as ``{"tokens": 64}``, put in.

    A product counts its multiply-accumulates; operators without a product count none.
    """
    return [_size(graph, operator, lengths) for operator in graph.operators]


def length_names(graph: Graph) -> set[str]:
    """The lengths that ``describe`` needs."""
    shapes = (tensor.shape for tensor in graph.tensors.values())
    named = {size for shape in shapes for size in shape if isinstance(size, str)}
    return {part for size in named for part in size.split("+") if not part.isdigit()}


def _size(graph: Graph, operator: Operator, lengths: Mapping[str, int]) -> OperatorSize:
    shape = _shape(graph, operator.outputs[0], lengths)
    constants = [graph.constants[name] for name in operator.inputs if name in graph.constants]
    return OperatorSize(
        name=operator.name,
        kind=operator.kind,
        shape=shape,
        macs=_macs(graph, operator, shape, lengths),
        constant_bytes=sum(np.asarray(constant).nbytes for constant in constants),
        output_bytes=sum(
            prod(_shape(graph, name, lengths)) * graph.tensors[name].bits // 8
            for name in operator.outputs
        ),
        whole_rows=getattr(operator.spec, "softmax", None) is not None,
    )


def _macs(
    graph: Graph, operator: Operator, shape: tuple[int, ...], lengths: Mapping[str, int]
) -> int:
    def size(position: int) -> tuple[int, ...]:
        return _shape(graph, operator.inputs[position], lengths)

    if operator.kind in {"linear", "similarity"}:
        return prod(shape) * size(0)[-1]
    if operator.kind in {"rnn", "gru", "lstm"}:
        # The recurrent product of every step; that of the inputs is a linear.
        return shape[0] * int(np.asarray(graph.constants[operator.inputs[1]]).size)
    if operator.kind == "attention":
        # Scores and context: every query meets every key in every column.
        return prod(shape) * size(1)[0] + prod(size(0)) * size(1)[0]
    if operator.kind == "additive_attention":
        return shape[0] * size(1)[0] * (size(1)[-1] + shape[-1])
    if operator.kind == "linear_attention":
        # phi(K)^T V of every head, then phi(Q) with it and with the sum of phi(K).
        depth = shape[-1] // _heads(operator)
        return (size(1)[0] + shape[0]) * shape[-1] * depth + prod(shape)
    if operator.kind == "attention_recurrent":
        constants = [graph.constants[name] for name in operator.inputs if name in graph.constants]
        products = sum(np.asarray(x).size for x in constants if np.ndim(x) == 2)
        # Of every step: its three products, then scores and context over all keys.
        return shape[0] * (products + size(1)[0] * (size(1)[-1] + size(2)[-1]))
    return 0


def _heads(operator: Operator) -> int:
    spec = operator.spec
    return spec["heads"] if isinstance(spec, dict) else spec.heads


def _shape(graph: Graph, name: str, lengths: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(
        _length(graph, size, lengths) if isinstance(size, str) else size
        for size in graph.tensors[name].shape
    )


def _length(graph: Graph, size: str, lengths: Mapping[str, int]) -> int:
    """A named length, or a sum of names and numbers such as "tokens+36"."""
    total = 0
    for part in size.split("+"):
        if not part.isdigit() and part not in lengths:
            raise ValueError(f"graph {graph.name!r} needs a length for {part!r}")
        total += int(part) if part.isdigit() else lengths[part]
    return total
