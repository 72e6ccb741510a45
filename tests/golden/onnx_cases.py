"""ONNX's published node tests as inputs, attributes and expected outputs; made once a process."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases


class NodeCase(NamedTuple):
    """One node; inputs by position as text, outputs by position."""

    name: str
    kind: str
    inputs: dict[str, np.ndarray]
    attributes: dict[str, Any]
    outputs: dict[int, np.ndarray]


@cache
def node_cases() -> list[NodeCase]:
    """Every case of a single node."""
    found = []
    for case in collect_testcases(None):
        if len(case.model.graph.node) != 1:
            continue
        node = case.model.graph.node[0]
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
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
