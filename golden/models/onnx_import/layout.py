"""Nodes that move numbers and compute none: reshapes, transposes, lookups, slices."""

from typing import TYPE_CHECKING

import numpy as np
from onnx import NodeProto

from golden.models.onnx_import.emit import known_array
from golden.models.onnx_import.fold import attribute
from golden.models.onnx_import.values import (
    Digit,
    Dimensions,
    Known,
    NotUnderstood,
    Scores,
    Seen,
    Statistic,
    Value,
    axis_size,
    is_rows,
    regroup,
    shape,
    whole,
)

if TYPE_CHECKING:
    from golden.models.onnx_import.walk import Rule, Walk


def same(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """The value itself."""
    return [inputs[0]]


def expand(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """A length to every number that it divides; anything else to the shape that it has."""
    if not isinstance(inputs[0], Statistic):
        size = shape(walk.dimensions(inputs[0]))
        target = tuple(int(x) for x in known_array(inputs[1]))
        if np.broadcast_shapes(size, target) != size:
            raise NotUnderstood(f"it repeats a tensor of shape {size} as {target}")
    return [inputs[0]]


def measure(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """Shape, and tests for numbers that no finite network has, need no number of the tensor."""
    size = shape(walk.dimensions(inputs[0]))
    if node.op_type == "Shape":
        return [Known(walk.fold(node, [np.broadcast_to(np.float32(0), size)])[0])]
    return [Known(np.zeros(size, bool))]


def padding(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """A comparison of token ids with one id is a test for padding: our sentences have none."""
    (seen,) = (x for x in inputs if not isinstance(x, Known))
    if not isinstance(seen, Seen) or seen.name != "token_ids":
        raise NotUnderstood("it compares numbers that the network computes")
    return [Known(np.zeros(shape(seen.dimensions), bool))]


def choose(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """Where whose condition is the same everywhere."""
    condition = known_array(inputs[0])
    if condition.all():
        return [inputs[1]]
    if not condition.any():
        return [inputs[2]]
    raise NotUnderstood("its condition differs from place to place")


def reshape(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """Reshape, Flatten, Squeeze and Unsqueeze: the same digits in other dimensions."""
    seen = walk.seen(inputs[0])
    size = shape(seen.dimensions)
    rest = [known_array(x) for x in inputs[1:]]
    target = walk.fold(node, [np.broadcast_to(np.float32(0), size), *rest])[0].shape
    return [Seen(seen.name, regroup(seen.dimensions, target))]


def transpose(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """Dimensions in another order."""
    value = inputs[0] if isinstance(inputs[0], Scores) else walk.seen(inputs[0])
    if isinstance(value, Scores):
        raise NotUnderstood("it transposes scores")
    count = len(value.dimensions)
    order = attribute(node, "perm", list(range(count))[::-1])
    return [Seen(value.name, tuple(value.dimensions[axis] for axis in order))]


def gather(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """Rows of a table by token, or a slice of a tensor."""
    table, ids = inputs
    if isinstance(table, Known) and isinstance(ids, Seen):
        if ids.name != "token_ids" or table.array.ndim != 2 or attribute(node, "axis", 0) != 0:
            raise NotUnderstood("it looks up rows by what is no token id")
        columns = whole("columns", table.array.shape[1])
        return [walk.emit.embedding(ids, table.array, (*ids.dimensions, columns), node)]
    return select(walk, node, inputs)


def select(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """Gather, Slice and Split with known indices: neighbours along one dimension."""
    seen = walk.seen(inputs[0])
    size = shape(seen.dimensions)
    places = np.arange(np.prod(size)).reshape(size)
    rest = [known_array(x) for x in inputs[1:]]
    return [_part(walk, node, seen, part) for part in walk.fold(node, [places, *rest])]


def concat(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """Learned rows before the rows of a tensor; one tensor alone stays as it is."""
    if len(inputs) == 1:
        return inputs
    learned = [x.array for x in inputs[:-1] if isinstance(x, Known)]
    if len(learned) != len(inputs) - 1 or isinstance(inputs[-1], Known):
        raise NotUnderstood("it joins tensors, not learned rows and a tensor")
    x = walk.emit.rows(inputs[-1])
    rows, width = (axis_size(x.dimensions, axis) for axis in ("rows", "columns"))
    axis = int(attribute(node, "axis", 0)) % len(x.dimensions)
    table = np.concatenate(learned, axis)
    if x.dimensions[axis] != whole("rows", rows) or table.size != table.shape[axis] * width:
        raise NotUnderstood("it joins tensors along another axis than that of the tokens")
    rows += table.shape[axis]
    dimensions = (*x.dimensions[:axis], whole("rows", rows), *x.dimensions[axis + 1 :])
    return [walk.emit.prepend(x, table.reshape(-1, width), dimensions, node)]


def _part(walk: "Walk", node: NodeProto, seen: Seen, places: np.ndarray) -> Seen:
    """The part of a tensor that has these places of its flattened numbers."""
    size = shape(seen.dimensions)
    indices = [np.unique(index) for index in np.unravel_index(places.reshape(-1), size)]
    cut = [axis for axis, index in enumerate(indices) if len(index) < size[axis]]
    if not cut:
        return Seen(seen.name, regroup(seen.dimensions, places.shape))
    (axis, *others), index = cut, indices[cut[0]]
    start, stop = int(index[0]), int(index[-1]) + 1
    if (
        others
        or stop - start != len(index)
        or places.size * size[axis] != len(index) * np.prod(size)
    ):
        raise NotUnderstood("it takes numbers that are no neighbours along one axis")
    (digit, *lower) = seen.dimensions[axis]
    kept = whole(digit.axis, stop - start)
    kept = tuple(Digit(digit.axis, digit.stride, one.size) for one in kept)
    dimensions: Dimensions = (*seen.dimensions[:axis], kept, *seen.dimensions[axis + 1 :])
    dimensions = regroup(dimensions, places.shape)
    if digit.axis == "rows" and not lower and is_rows(seen.dimensions):
        return walk.emit.select_rows(seen, start, stop, dimensions, node)
    top = digit.stride * digit.size == axis_size(seen.dimensions, "columns")
    if digit.axis == "columns" and top and not lower:
        first, last = start * digit.stride, stop * digit.stride
        return walk.emit.select_columns(seen, first, last, dimensions, node)
    raise NotUnderstood(f"it takes a part of {digit.axis} that is no slice of ours")


RULES: "dict[str, Rule]" = {
    **dict.fromkeys(("Identity", "Cast", "Dropout"), same),
    **dict.fromkeys(("Shape", "IsNaN", "IsInf"), measure),
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), reshape),
    **dict.fromkeys(("Slice", "Split"), select),
    "Concat": concat,
    "Equal": padding,
    "Expand": expand,
    "Gather": gather,
    "Transpose": transpose,
    "Where": choose,
}
