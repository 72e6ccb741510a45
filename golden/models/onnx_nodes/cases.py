"""ONNX's published node tests as inputs, attributes and expected outputs; made once a process.

Source: onnx.backend.test.case.node, which makes inputs and expected outputs in memory.
"""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

Inputs = dict[str, np.ndarray]
Attributes = dict[str, Any]
Run = Callable[[Inputs, Attributes], list[np.ndarray]]


class NodeCase(NamedTuple):
    """One node; inputs by position as text, outputs by position."""

    name: str
    kind: str
    inputs: Inputs
    attributes: Attributes
    outputs: dict[int, np.ndarray]


def every_case(_: NodeCase) -> None:
    """Why a case is not claimed: all of them are."""


def no_case(_: Inputs, __: Attributes) -> list[np.ndarray]:
    """How a case runs of an operator of which none is claimed."""
    return []


class Claim(NamedTuple):
    """How an operator's cases run here, and which are not claimed.

    ``run`` gives all outputs in ONNX's order, ``reason`` why a case is not claimed or ``None``;
    ``ours`` names the operator. ``ties`` is true where half up and half to even may differ by one.
    """

    ours: str
    run: Run
    reason: Callable[[NodeCase], str | None] = every_case
    ties: Callable[[NodeCase], np.ndarray] | None = None


@cache
def node_cases() -> list[NodeCase]:
    """Every case of a single node."""
    from onnx.backend.test.case.node import collect_testcases
    from onnx.helper import get_attribute_value

    with warnings.catch_warnings():
        # Its expected values of degenerate cases divide by zero and overflow on purpose.
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    found = []
    for case in cases:
        if case.model is None or not case.data_sets or len(case.model.graph.node) != 1:
            continue
        node = case.model.graph.node[0]
        attributes = {a.name: get_attribute_value(a) for a in node.attribute}
        given, expected = case.data_sets[0]
        present = [str(index) for index, name in enumerate(node.input) if name]
        wanted = [index for index, name in enumerate(node.output) if name]
        if len(present) != len(given) or len(wanted) != len(expected):
            continue
        found.append(
            NodeCase(
                name=case.name,
                kind=node.op_type,
                inputs=dict(zip(present, given, strict=True)),
                attributes=attributes,
                outputs=dict(zip(wanted, expected, strict=True)),
            )
        )
    return found
