"""Nodes that compute number by number or along one axis: sums, activations, norms, means.

A function of single numbers is known by its values, not by how an exporter wrote it: its nodes are
computed on a grid of points, and the result is compared with the activations that we have. A layer
norm, a mean and a division by the length are followed step by step.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import NodeProto

from golden.models.onnx_import.emit import known_array
from golden.models.onnx_import.fold import attribute
from golden.models.onnx_import.values import (
    GRID,
    Dimensions,
    Function,
    Known,
    NotUnderstood,
    Product,
    Scores,
    Seen,
    Statistic,
    Value,
    axis_size,
    shape,
    uniform,
    vector,
    whole_axis,
)

if TYPE_CHECKING:
    from golden.models.onnx_import.walk import Rule, Walk


def elementwise(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """One number for each number, of a tensor and constants or of two tensors."""
    op = node.op_type
    if op in {"Add", "Mul"} and isinstance(inputs[0], Known):
        inputs = inputs[::-1]
    first, second = inputs[0], inputs[1] if len(inputs) > 1 else None
    if isinstance(first, Product) and isinstance(second, Known) and op == "Add":
        bias = vector(second, first.weight.shape[1])
        if bias is not None:
            return [walk.emit.linear(first, bias)]
    if isinstance(first, Scores):
        return [_scores(walk, op, first, inputs[1:])]
    if any(isinstance(x, Statistic) for x in inputs):
        return [_statistic(walk, node, inputs)]
    inputs = [walk.emit.settle(x) if isinstance(x, Product) else x for x in inputs]
    numbers = [uniform(x) if isinstance(x, Known) else None for x in inputs]
    sources = {
        x.source if isinstance(x, Function) else x for x in inputs if not isinstance(x, Known)
    }
    if len(sources) == 1 and not any(
        isinstance(x, Known) and number is None for x, number in zip(inputs, numbers, strict=True)
    ):
        (source,) = sources
        if not isinstance(source, Seen):
            raise NotUnderstood("it computes with what is no tensor")
        _require_same_shape(source.dimensions, inputs)
        return [Function(source, walk.fold(node, [_sample(x) for x in inputs])[0], node)]
    if op == "Add" and not isinstance(second, Known):
        x, y = (walk.emit.rows(value) for value in inputs)
        if x.dimensions != y.dimensions:
            raise NotUnderstood("it adds tensors of different shapes")
        return [walk.emit.apply("residual_add", node, x.dimensions, x.name, y.name)]
    x = walk.emit.rows(first)
    _require_same_shape(x.dimensions, inputs)
    return [_with_rows(walk, node, x, second)]


def reduce(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """Means, sums and lengths along columns, means and sums along rows."""
    op, value = node.op_type, inputs[0]
    if isinstance(value, Product):
        value = walk.emit.settle(value)
    dimensions = walk.dimensions(value)
    axes = known_array(inputs[1]) if len(inputs) > 1 else attribute(node, "axes")
    if axes is None or len(axes) != 1:
        raise NotUnderstood("it reduces more axes than one")
    axis = int(axes[0]) % len(dimensions)
    keep = ((),) if attribute(node, "keepdims", 1) else ()
    left = (*dimensions[:axis], *keep, *dimensions[axis + 1 :])
    along = whole_axis(dimensions, axis)
    if isinstance(value, Statistic):
        if (value.kind, op, along) == ("squared", "ReduceMean", "columns"):
            return [replace(value, kind="variance", dimensions=left)]
    elif isinstance(value, Function) and along == "columns" and op == "ReduceSum":
        if np.allclose(value.values, GRID**2, atol=1e-5):
            return [Statistic("squares", value.source, left)]
    elif along == "columns" and op in {"ReduceMean", "ReduceL2"}:
        x = walk.emit.rows(value)
        return [Statistic("mean" if op == "ReduceMean" else "length", x, left)]
    if along == "rows" and op == "ReduceMean":
        return [_mean(walk, node, walk.emit.rows(value), left)]
    if along == "rows" and op == "ReduceSum":
        return [Statistic("total", walk.emit.rows(value), left)]
    raise NotUnderstood("it reduces an axis in a way that is no mean, layer norm or length")


def layer_normalization(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """LayerNormalization over the last axis."""
    x = walk.emit.rows(inputs[0])
    if attribute(node, "axis", -1) not in {-1, len(x.dimensions) - 1}:
        raise NotUnderstood("it normalises more axes than the last")
    gain = known_array(inputs[1]).reshape(-1)
    bias = known_array(inputs[2]) if len(inputs) > 2 else np.zeros_like(gain)
    epsilon = float(attribute(node, "epsilon", 1e-5))
    return [walk.emit.layer_norm(x, gain, bias, epsilon, node)]


def lp_normalization(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """Division by the Euclidean length of the last axis."""
    x = walk.emit.rows(inputs[0])
    if attribute(node, "p", 2) != 2 or attribute(node, "axis", -1) not in {
        -1,
        len(x.dimensions) - 1,
    }:
        raise NotUnderstood("it divides by another norm than the length of the last axis")
    return [walk.emit.apply("l2_normalize", node, x.dimensions, x.name)]


def softmax(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """Softmax of scores over the keys."""
    (scores,) = inputs
    if not isinstance(scores, Scores):
        raise NotUnderstood("it is no softmax between two products of an attention")
    last = len(scores.dimensions) - 1
    if attribute(node, "axis", 1 if walk.opset < 13 else -1) not in {-1, last}:
        raise NotUnderstood("it normalises another axis than the keys")
    return [replace(scores, probabilities=True)]


def _scores(walk: "Walk", op: str, scores: Scores, rest: list[Value]) -> Scores:
    known = known_array(rest[0])
    number = uniform(Known(known))
    if not scores.probabilities and number is not None and op in {"Mul", "Div"}:
        return replace(scores, factor=scores.factor * (number if op == "Mul" else 1 / number))
    if not scores.probabilities and op == "Add":
        if not known.any():
            return scores
        seen = known.reshape(-1, known.shape[-1])[: known.shape[-1]] >= 0
        if (seen == np.tril(np.ones_like(seen))).all() and known.min() < -1e4:
            return replace(scores, causal=True)
        raise NotUnderstood("it adds to scores what is neither a padding mask nor a causal one")
    raise NotUnderstood("it computes with scores what is no scale and no mask")


def _statistic(walk: "Walk", node: NodeProto, inputs: list[Value]) -> Value:
    op, (first, second) = node.op_type, (*inputs, None, None)[:2]
    number = uniform(second) if isinstance(second, Known) else None
    match op, first, second:
        case "Sub", x, Statistic(kind="mean") if walk.is_source(x, second):
            return replace(second, kind="centred", dimensions=second.source.dimensions)
        case "Pow", Statistic(kind="centred"), Known() if number == 2:
            return replace(first, kind="squared")
        case "Mul", Statistic(kind="centred"), Statistic(kind="centred"):
            return replace(first, kind="squared")
        case "Add", Statistic(kind="variance"), Known() if number is not None:
            return replace(first, kind="padded", epsilon=number)
        case "Sqrt", Statistic(kind="padded"), None:
            return replace(first, kind="deviation")
        case "Reciprocal", Statistic(kind="deviation"), None:
            return replace(first, kind="inverse")
        case "Div", Statistic(kind="centred"), Statistic(kind="deviation"):
            return replace(second, kind="normalized", dimensions=first.dimensions)
        case "Mul", Statistic(kind="centred"), Statistic(kind="inverse"):
            return replace(second, kind="normalized", dimensions=first.dimensions)
        case "Mul", Statistic(kind="normalized"), Known():
            gain = vector(second, axis_size(first.source.dimensions, "columns"))
            if gain is not None:
                return replace(first, kind="scaled", gain=gain)
        case "Add", Statistic(kind="scaled"), Known():
            bias = vector(second, axis_size(first.source.dimensions, "columns"))
            if bias is not None and first.gain is not None:
                return walk.emit.layer_norm(first.source, first.gain, bias, first.epsilon, node)
        case "Sqrt", Statistic(kind="squares"), None:
            return replace(first, kind="length")
        case "Add" | "Max" | "Clip", Statistic(kind="length"), Known() if (
            0 <= (number or 0) <= 1e-6
        ):
            return first
        case "Div", x, Statistic(kind="length") if walk.is_source(x, second):
            source = second.source
            return walk.emit.apply("l2_normalize", node, source.dimensions, source.name)
        case "Div" | "Mul", Statistic(kind="total"), Known() if number:
            rows = axis_size(first.source.dimensions, "rows")
            if round(number if op == "Div" else 1 / number, 3) == rows:
                return _mean(walk, node, first.source, first.dimensions)
    raise NotUnderstood(
        "it is no step of a layer norm, a mean over tokens or a division by a length"
    )


def _mean(walk: "Walk", node: NodeProto, x: Seen, dimensions: Dimensions) -> Seen:
    width = walk.emit.graph.tensors[x.name].shape[-1:]
    return walk.emit.apply("mean_pool", node, dimensions, x.name, shape=width)


def _with_rows(walk: "Walk", node: NodeProto, x: Seen, known: Value | None) -> Seen:
    """A tensor plus or times constants: rows by place, or one row for all."""
    if not isinstance(known, Known):
        raise NotUnderstood("it computes with two tensors what is no sum")
    rows, width = (axis_size(x.dimensions, axis) for axis in ("rows", "columns"))
    array, table, row = known.array, known.table, vector(known, width)
    if node.op_type == "Add" and table is not None and table.shape[-1] == width:
        return walk.emit.positions(x, table, node)
    if node.op_type == "Add" and row is not None:
        return walk.emit.change(x, 1.0, row, node)
    if node.op_type == "Sub" and row is not None:
        return walk.emit.change(x, 1.0, -row, node)
    if node.op_type == "Mul" and row is not None:
        return walk.emit.change(x, row, 0.0, node)
    if node.op_type == "Add" and array.size == rows * width and not walk.has_open_length:
        return walk.emit.positions(x, array.reshape(rows, width), node)
    raise NotUnderstood("it computes with constants that differ from token to token")


def _sample(value: Value) -> np.ndarray:
    if isinstance(value, Known):
        return value.array.reshape(-1)[0]
    return value.values if isinstance(value, Function) else GRID


def _require_same_shape(dimensions: Dimensions, inputs: list[Value]) -> None:
    """Constants must not make a tensor larger."""
    size = shape(dimensions)
    shapes = [x.array.shape for x in inputs if isinstance(x, Known)]
    if np.broadcast_shapes(size, *shapes) != size:
        raise NotUnderstood(f"it repeats a tensor of shape {size}")


RULES: "dict[str, Rule]" = {
    **dict.fromkeys(
        ("Add", "Clip", "Div", "Erf", "Gelu", "Max", "Min", "Mul", "Neg", "Pow", "Reciprocal",
         "Relu", "Sigmoid", "Sqrt", "Sub", "Tanh"),
        elementwise,
    ),
    **dict.fromkeys(("ReduceL2", "ReduceMean", "ReduceSum"), reduce),
    "LayerNormalization": layer_normalization,
    "LpNormalization": lp_normalization,
    "Softmax": softmax,
}  # fmt: skip
