"""What a network consists of: operators, multiplications and bytes, for given lengths."""

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

import numpy as np

from golden.graph import Graph, Operator


class OperatorSize(NamedTuple):
    """One operator's output shape, multiply-accumulates, bytes of its constants and its output."""

    name: str
    kind: str
    shape: tuple[int, ...]
    macs: int
    constant_bytes: int
    output_bytes: int


def describe(graph: Graph, lengths: Mapping[str, int]) -> list[OperatorSize]:
    """Every operator of ``graph`` with the named lengths, such as ``{"tokens": 64}``, put in.

    A product counts its multiply-accumulates; operators without a product count none.
    """
    return [_size(graph, operator, lengths) for operator in graph.operators]


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
    )


def _macs(
    graph: Graph, operator: Operator, shape: tuple[int, ...], lengths: Mapping[str, int]
) -> int:
    if operator.kind == "linear":
        return prod(shape) * _shape(graph, operator.inputs[0], lengths)[-1]
    if operator.kind in {"rnn", "gru", "lstm"}:
        # The recurrent product of every step; that of the inputs is a linear.
        return shape[0] * int(np.asarray(graph.constants[operator.inputs[1]]).size)
    if operator.kind == "attention":
        # Scores and context: every query meets every key in every column.
        return 2 * prod(shape) * _shape(graph, operator.inputs[1], lengths)[0]
    return 0


def _shape(graph: Graph, name: str, lengths: Mapping[str, int]) -> tuple[int, ...]:
    sizes = []
    for size in graph.tensors[name].shape:
        if isinstance(size, str) and size not in lengths:
            raise ValueError(f"graph {graph.name!r} needs a length for {size!r}")
        sizes.append(lengths[size] if isinstance(size, str) else size)
    return tuple(sizes)
