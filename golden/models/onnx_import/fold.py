"""Nodes whose inputs are all known, computed by ONNX's own reference."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto, helper
from onnx.reference import ReferenceEvaluator


class Folder:
    """Computes single nodes of one version of the operators."""

    def __init__(self, opset: int) -> None:
        self._opset = helper.make_opsetid("", opset)

    def __call__(self, node: NodeProto, inputs: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        """Outputs of ``node``; None stands for an input that is left out."""
        given = {name: x for name, x in zip(node.input, inputs, strict=True) if x is not None}
        graph = helper.make_graph(
            [node],
            "node",
            [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
             for name, x in given.items()],
            [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None)
             for name in node.output if name],
        )  # fmt: skip
        model = helper.make_model_gen_version(graph, opset_imports=[self._opset])
        with np.errstate(all="ignore"):
            return [np.asarray(x) for x in ReferenceEvaluator(model).run(None, given)]


def attribute(node: NodeProto, name: str, default: Any = None) -> Any:
    """The value of an attribute."""
    for one in node.attribute:
        if one.name == name:
            value = helper.get_attribute_value(one)
            return list(value) if one.type == AttributeProto.INTS else value
    return default
