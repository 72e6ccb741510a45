"""Operators of ONNX that move, pool or look up, through ours of one axis."""

import numpy as np

from golden.models.onnx_nodes.cases import Attributes, Claim, Inputs, NodeCase, Run, no_case
from golden.real.concat import concat
from golden.real.embedding import embedding
from golden.real.mean_pool import mean_pool
from golden.real.pool import max_pool
from golden.real.slice import reshape, slice_rows
from golden.real.top_k import top_k


def _concat(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    return [concat(*x.values(), axis=attributes["axis"])]


def _gather(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    axis = attributes.get("axis", 0)
    rows = embedding(x["1"], np.moveaxis(x["0"], axis, 0))
    places = range(x["1"].ndim)
    return [np.moveaxis(rows, list(places), [axis + place for place in places])]


def _slice(x: Inputs, _: Attributes) -> list[np.ndarray]:
    y, count = x["0"], len(x["1"])
    for start, stop, axis in zip(x["1"], x["2"], x.get("3", np.arange(count)), strict=True):
        y = slice_rows(y, start=int(start), stop=int(stop), axis=int(axis))
    return [y]


def _steps(case: NodeCase) -> str | None:
    steps = case.inputs.get("4", np.ones(1, int))
    return None if (steps == 1).all() else "a slice takes every row, in order"


def _reshape(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    """A length of 0 stands for the input's, which the importer puts in."""
    keep = not attributes.get("allowzero", 0)
    sizes = [x["0"].shape[i] if keep and size == 0 else int(size) for i, size in enumerate(x["1"])]
    return [reshape(x["0"], shape=sizes)]


def _pooled(pool: Run) -> Run:
    """Rows of the axes that are reduced, all of them by default."""

    def run(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
        chosen = x["1"] if "1" in x and x["1"].size else range(x["0"].ndim)
        axes = sorted(int(axis) % x["0"].ndim for axis in chosen)
        kept = [size for axis, size in enumerate(x["0"].shape) if axis not in axes]
        rows = np.moveaxis(x["0"], axes, range(len(axes))).reshape(-1, int(np.prod(kept)))
        y = pool({"0": rows}, attributes)[0].reshape(kept)
        return [np.expand_dims(y, axes) if attributes.get("keepdims", 1) else y]

    return run


def _floats(case: NodeCase) -> str | None:
    if case.inputs["0"].dtype.kind != "f":
        return "real networks hold floats"
    return None if case.inputs["0"].size else "no rows have no largest number"


def _windows(_: NodeCase) -> str:
    return "pools take rows side by side: no overlap, padding, dilation or second axis"


def _top_k(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    axis, sign = attributes.get("axis", -1), 1 if attributes.get("largest", 1) else -1
    rows = np.moveaxis(x["0"].astype(np.int64 if x["0"].dtype.kind in "iu" else float), axis, -1)
    values, indices = top_k(sign * rows, k=int(x["1"][0]))
    return [np.moveaxis(sign * values, -1, axis), np.moveaxis(indices, -1, axis)]


def _mean_rows(x: Inputs, _: Attributes) -> list[np.ndarray]:
    return [mean_pool(x["0"])]


def _largest_rows(x: Inputs, _: Attributes) -> list[np.ndarray]:
    return [max_pool(x["0"])]


CLAIMS = {
    "Concat": Claim("concat", _concat),
    "Gather": Claim("embedding", _gather),
    "MaxPool": Claim("max_pool", no_case, _windows),
    "ReduceMax": Claim("max_pool", _pooled(_largest_rows), _floats),
    "ReduceMean": Claim("mean_pool", _pooled(_mean_rows)),
    "Reshape": Claim("reshape", _reshape),
    "Slice": Claim("slice", _slice, _steps),
    "TopK": Claim("top_k", _top_k),
}
