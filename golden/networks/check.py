"""What an integer network must be to run: shapes that fit, constants within their bits.

``golden.networks.file`` calls it before it saves and after it loads, so that a file from elsewhere
fails here, with the name of what is wrong, and not in the middle of a run.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from golden.graph import Graph, Operator
from golden.integer import integer_range
from golden.networks.run import INTEGER_OPERATORS
from golden.operator_spec import AdditiveAttentionSpec
from golden.spec import RequantizeSpec

Shape = tuple[int | str, ...]


class Role(NamedTuple):
    """What a constant is for: the integers that it may hold and its shape, if that is known."""

    name: str
    low: int
    high: int
    shape: Shape | None


def check_network(graph: Graph) -> None:
    """Raise ``ValueError`` naming the first operator, tensor or constant that cannot be right."""
    for tensor in graph.tensors.values():
        sizes = [size for size in tensor.shape if not isinstance(size, str)]
        if any(isinstance(size, bool) or not isinstance(size, int) or size < 1 for size in sizes):
            raise ValueError(f"tensor {tensor.name!r} has the impossible shape {tensor.shape}")
        if not 1 <= tensor.bits <= 64:
            raise ValueError(f"tensor {tensor.name!r} has {tensor.bits} bits, not 1 to 64")
        if not (math.isfinite(tensor.scale) and tensor.scale > 0):
            raise ValueError(f"tensor {tensor.name!r} has the impossible scale {tensor.scale}")
    for name, constant in graph.constants.items():
        if np.asarray(constant).dtype.kind not in "iub":
            raise ValueError(f"constant {name!r} holds {np.asarray(constant).dtype}, not integers")
    for operator in graph.operators:
        if operator.kind not in INTEGER_OPERATORS:
            raise ValueError(f"operator {operator.name!r} is of the unknown kind {operator.kind!r}")
        for role in _roles(graph, operator):
            _check_constant(graph, operator, role)


def _check_constant(graph: Graph, operator: Operator, role: Role) -> None:
    if role.name not in graph.constants:
        raise ValueError(f"operator {operator.name!r} needs {role.name!r} to be a constant")
    x = np.asarray(graph.constants[role.name])
    if role.shape is not None and x.shape != role.shape:
        raise ValueError(f"constant {role.name!r} has the shape {x.shape}, not {role.shape}")
    if x.size and not role.low <= int(x.min()) <= int(x.max()) <= role.high:
        wrong = int(x.max()) if int(x.max()) > role.high else int(x.min())
        raise ValueError(
            f"constant {role.name!r} of operator {operator.name!r} holds {wrong}, outside "
            f"{role.low} to {role.high}"
        )


def _roles(graph: Graph, operator: Operator) -> Iterator[Role]:
    """The constants of an operator, by its kind."""
    spec, names = operator.spec, operator.inputs
    width = graph.tensors[operator.outputs[0]].shape[-1:]
    requantize = _requantize(spec)
    match operator.kind:
        case "linear":
            depth = _last(graph, names[0])
            yield _weight(graph, names[2], (*depth, *width) if depth else None)
            yield _multiplier(names[3], requantize, width)
            yield _bias(names[4], requantize, width)
        case "layer_norm":
            yield _multiplier(names[1], requantize, (spec.width,), signed=True)
            yield _bias(names[2], requantize, (spec.width,))
            yield Role(names[3], 0, (1 << 62) - 1, ())
            yield _exponent(names[4], ())
        case "affine":
            yield _multiplier(names[1], requantize, width, signed=True)
            yield Role(names[2], *requantize.exponent_range, ())
            yield _bias(names[3], requantize, width)
        case "multiply":
            yield _multiplier(names[2], requantize, ())
            yield Role(names[3], *requantize.exponent_range, ())
        case "mean_pool" | "l2_normalize":
            yield _multiplier(names[1], requantize, ())
            yield _exponent(names[2], ())
        case "similarity":
            yield Role(names[2], 1, 1 << 15, ())
            yield _multiplier(names[3], requantize, ())
            yield _exponent(names[4], ())
        case "quantize":
            yield _exponent(names[1], ())
        case "embedding" | "position" | "prepend":
            tensor = graph.tensors[operator.name]
            yield Role(names[1], *integer_range(tensor.bits, tensor.signed), None)
        case "attention":
            yield from _dot_attention(names[3:8], requantize, spec.heads)
        case "additive_attention":
            yield from _additive_attention(graph, names[3:8], requantize, _last(graph, names[1]))
        case "linear_attention":
            heads = (spec.heads,)
            yield from (Role(name, 1, 1 << 15, heads) for name in names[3:5])
            yield _multiplier(names[5], requantize, heads)
            yield _exponent(names[6], ())
        case "rnn" | "gru" | "lstm":
            yield from _product(graph, names[1:4], requantize, (*width, *_last(graph, names[0])))
            if operator.kind == "gru":
                yield _bias(names[4], requantize, _last(graph, names[0]))
        case "attention_recurrent":
            yield from _attention_recurrent(graph, operator, requantize)


def _attention_recurrent(graph: Graph, operator: Operator, spec: RequantizeSpec) -> Iterator[Role]:
    names = list(operator.inputs[5 if operator.spec.cell == "lstm" else 4 :])
    gates, key, value = (_last(graph, name) for name in operator.inputs[:3])
    states = graph.tensors[operator.outputs[0]].shape[-1:]
    for shape in ((*states, *key), (*value, *gates), (*states, *gates)):
        yield from _product(graph, names[:3], spec, shape)
        del names[:3]
    if operator.spec.cell == "gru":
        yield _bias(names.pop(0), spec, gates)
    if isinstance(operator.spec.attention, AdditiveAttentionSpec):
        yield from _additive_attention(graph, names[:5], spec, key)
    else:
        yield from _dot_attention(names[:5], spec, 1)


def _dot_attention(names: Any, spec: RequantizeSpec, heads: int) -> Iterator[Role]:
    yield from (Role(name, 1, 1 << 15, (heads,)) for name in names[:2])
    yield from (_multiplier(name, spec, (heads,)) for name in names[2:4])
    yield _exponent(names[4], (2,))


def _additive_attention(
    graph: Graph, names: Any, spec: RequantizeSpec, width: Shape
) -> Iterator[Role]:
    yield _weight(graph, names[0], width)
    yield Role(names[1], 1, 1 << 15, (1,))
    yield from (_multiplier(name, spec, (1,)) for name in names[2:4])
    yield _exponent(names[4], (2,))


def _product(graph: Graph, names: Any, spec: RequantizeSpec, shape: Shape) -> Iterator[Role]:
    yield _weight(graph, names[0], shape)
    yield _multiplier(names[1], spec, shape[1:])
    yield _exponent(names[2], ())


def _weight(graph: Graph, name: str, shape: Shape | None) -> Role:
    """Codes of products, of 8 bits or 16: the smallest integer, without counterpart, is unused."""
    wide = np.asarray(graph.constants.get(name)).dtype == np.int16
    limit = integer_range(16 if wide else 8)[1]
    return Role(name, -limit, limit, shape)


def _multiplier(name: str, spec: RequantizeSpec, shape: Shape, signed: bool = False) -> Role:
    high = integer_range(spec.multiplier_bits, signed=False)[1]
    return Role(name, -high if signed else 0, high, shape)


def _bias(name: str, spec: RequantizeSpec, shape: Shape) -> Role:
    return Role(name, *integer_range(spec.bias_bits), shape)


def _exponent(name: str, shape: Shape) -> Role:
    return Role(name, -128, 127, shape)


def _last(graph: Graph, name: str) -> Shape:
    return graph.tensors[name].shape[-1:] if name in graph.tensors else ()


def _requantize(spec: Any) -> RequantizeSpec:
    """How an operator rounds its result; the default for one that does not."""
    if isinstance(spec, RequantizeSpec):
        return spec
    for part in ("requantize", "attention", "recurrent"):
        if hasattr(spec, part):
            return _requantize(getattr(spec, part))
    return RequantizeSpec()
