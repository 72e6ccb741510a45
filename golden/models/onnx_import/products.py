"""Nodes that multiply matrices: linears, scores and contexts of attention, patches of an image."""

from typing import TYPE_CHECKING

import numpy as np
from onnx import NodeProto

from golden.models.onnx_import.emit import as_factor, known_array
from golden.models.onnx_import.fold import attribute
from golden.models.onnx_import.values import (
    Digit,
    Dimensions,
    Function,
    Known,
    NotUnderstood,
    Product,
    Scores,
    Seen,
    Value,
    axis_size,
    used,
    whole,
)

if TYPE_CHECKING:
    from golden.models.onnx_import.walk import Rule, Walk


def multiply(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """MatMul: rows by a weight, queries by keys, or probabilities by values."""
    x, y = inputs
    if isinstance(y, Known) and y.array.ndim == 2:
        return [_product(walk.emit.rows(x), y.array, node)]
    if isinstance(x, Scores) and x.probabilities:
        return [_context(walk, node, x, walk.seen(y))]
    if isinstance(x, Known) or isinstance(y, Known):
        raise NotUnderstood("it multiplies by a constant that is no weight of a linear layer")
    # Q K^T: what is last in the keys is rows, and what precedes it one head's columns.
    (query, first), (key, second) = (_factored(walk, value) for value in inputs)
    heads, _, depth = _heads(query.dimensions)
    keys = axis_size(key.dimensions, "rows")
    wanted = used((heads, depth, whole("rows", keys)))
    if used(key.dimensions) != wanted:
        raise NotUnderstood("it multiplies two tensors that are no queries and keys of heads")
    dimensions = (*query.dimensions[:-1], key.dimensions[-1])
    return [Scores(query, key, dimensions, factor=first * second)]


def general_product(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """Gemm: ``x W + b``."""
    weight = known_array(inputs[1])
    scales = [attribute(node, name, default) for name, default in (("alpha", 1.0), ("beta", 1.0))]
    if attribute(node, "transA", 0) or scales != [1.0, 1.0]:
        raise NotUnderstood("it scales or transposes what it multiplies")
    weight = weight.T if attribute(node, "transB", 0) else weight
    product = _product(walk.emit.rows(inputs[0]), weight, node)
    bias = known_array(inputs[2]).reshape(-1) if len(inputs) > 2 else None
    return [walk.emit.linear(product, bias)]


def convolution(walk: "Walk", node: NodeProto, inputs: list[Value]) -> list[Value]:
    """Conv of an image without padding: a linear of its windows."""
    image, kernel = walk.seen(inputs[0]), known_array(inputs[1])
    stride = tuple(attribute(node, "strides", [1, 1]))
    plain = not any(attribute(node, "pads", [0])) and attribute(node, "auto_pad", b"NOTSET") in {
        b"NOTSET", b"VALID"
    }  # fmt: skip
    plain = plain and set(attribute(node, "dilations", [1])) == {1}
    if image.name != "input" or kernel.ndim != 4 or attribute(node, "group", 1) != 1 or not plain:
        raise NotUnderstood("it is no convolution of the image by patches without padding")
    rows, weight = walk.emit.patches(image, kernel, stride, node)
    height, width = (
        (digits[0].size - length) // step + 1
        for digits, length, step in zip(image.dimensions[2:], kernel.shape[2:], stride, strict=True)
    )
    lines = (Digit("rows", width, height),) if height > 1 else ()
    dimensions = ((), whole("columns", len(kernel)), lines, whole("rows", width))
    bias = known_array(inputs[2]) if len(inputs) > 2 else None
    return [walk.emit.linear(Product(Seen(rows, ()), weight, dimensions, node), bias)]


def _product(x: Seen, weight: np.ndarray, node: NodeProto) -> Product:
    return Product(x, weight, (*x.dimensions[:-1], whole("columns", weight.shape[1])), node)


def _factored(walk: "Walk", value: Value) -> tuple[Seen, float]:
    """A tensor, and the factor that is still to be multiplied to it."""
    if isinstance(value, Function):
        factor = as_factor(value)
        if factor is not None:
            return value.source, factor
    return walk.seen(value), 1.0


def _heads(dimensions: Dimensions) -> Dimensions:
    """Digits of heads, rows and depths of ``(..., H, N, d)``; no heads where there is one."""
    *rest, rows, depth = used(dimensions)
    heads = rest[0] if len(rest) == 1 else ()
    width = axis_size(dimensions, "columns")
    count = heads[0].size if heads else 1
    wanted = (Digit("columns", width // count, count),) if heads else ()
    if (
        len(rest) > 1
        or heads != wanted
        or rows != whole("rows", axis_size(dimensions, "rows"))
        or depth != whole("columns", width // count)
    ):
        raise NotUnderstood("it multiplies two tensors that are no queries and keys of heads")
    return heads, rows, depth


def _context(walk: "Walk", node: NodeProto, scores: Scores, value: Seen) -> Seen:
    heads, _, _ = _heads(scores.query.dimensions)
    found, rows, _ = _heads(value.dimensions)
    count = heads[0].size if heads else 1
    if (found[0].size if found else 1) != count or rows != used(scores.dimensions)[-1]:
        raise NotUnderstood("it multiplies probabilities by what are no values of as many heads")
    usual = (axis_size(scores.query.dimensions, "columns") // count) ** -0.5
    spec: dict[str, object] = {"heads": count, "causal": scores.causal}
    if not np.isclose(scores.factor, usual, rtol=1e-5):
        spec["scale"] = scores.factor
    query, key = scores.query.name, scores.key.name
    tensors = walk.emit.graph.tensors
    size = (tensors[query].shape[0], *tensors[value.name].shape[1:])
    # The heads of the values stand where those of the queries stood.
    places = (*scores.dimensions[:-1], value.dimensions[-1])
    dimensions = tuple(found if heads and digits == heads else digits for digits in places)
    return walk.emit.apply(
        "attention", node, dimensions, query, key, value.name, shape=size, **spec
    )


RULES: "dict[str, Rule]" = {"Conv": convolution, "Gemm": general_product, "MatMul": multiply}
