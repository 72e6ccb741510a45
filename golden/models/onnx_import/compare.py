"""An imported network beside its file, which ONNX's reference evaluator runs."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, helper
from onnx.reference import ReferenceEvaluator

from golden.graph import Graph
from golden.models.onnx_import.read import choose_output
from golden.networks.run import run_real


def largest_difference(
    model: ModelProto, graph: Graph, samples: Iterable[Mapping[str, Any]], output: str | None = None
) -> float:
    """Largest difference of any number, in parts of the file's largest magnitude.

    ``graph`` must end where the file does: imported without pooling of ours.
    """
    name, evaluator = choose_output(model, output), ReferenceEvaluator(model)
    largest = 0.0
    for sample in samples:
        results: Any = evaluator.run([name], onnx_inputs(model, sample))
        theirs = results[0]
        ours = np.reshape(run_real(graph, sample)[graph.outputs[0]], theirs.shape)
        largest = max(largest, float(np.abs(ours - theirs).max() / np.abs(theirs).max()))
    return largest


def onnx_inputs(model: ModelProto, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Inputs of the file for inputs of ours: a batch of one."""
    given: dict[str, np.ndarray] = {}
    constants = {one.name for one in model.graph.initializer}
    for value in model.graph.input:
        if value.name in constants:
            continue
        dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        if "input" in inputs:
            given[value.name] = np.asarray(inputs["input"]).transpose(2, 0, 1)[None].astype(dtype)
            continue
        ids = np.asarray(inputs["token_ids"])[None]
        if "mask" in value.name:
            ids = np.ones_like(ids)
        elif "type" in value.name:
            ids = np.zeros_like(ids)
        elif "position" in value.name:
            ids = np.arange(ids.size)[None]
        given[value.name] = ids.astype(dtype)
    return given
