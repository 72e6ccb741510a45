"""Appends our operators for what was recognised, and keeps those that the outputs need."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
from onnx import NodeProto

from golden.graph import Graph, Operator
from golden.models.onnx_import.values import (
    GRID,
    Dimensions,
    Function,
    Known,
    NotUnderstood,
    Product,
    Seen,
    Statistic,
    Value,
    axis_size,
    is_rows,
)
from golden.networks.builder import GraphBuilder
from golden.networks.layers import Layers
from golden.networks.run import REAL_OPERATORS

ACTIVATIONS = ("gelu", "gelu_tanh", "relu", "sigmoid", "tanh")


class Emitter:
    """Writes ``graph``; an operator is named after the ONNX node that completed it."""

    def __init__(self, name: str) -> None:
        self.graph = GraphBuilder(name)
        self._weights: dict[str, np.ndarray] = {}
        self._layers = Layers(self.graph, self._weights)
        self._names: Counter[str] = Counter()
        # By identity, with the value itself so that it lives as long.
        self._settled: dict[int, tuple[Value, Value]] = {}

    def rows(self, value: Value) -> Seen:
        """A tensor of ours whose rows ONNX sees as rows."""
        seen = self.settle(value)
        if not isinstance(seen, Seen) or not is_rows(seen.dimensions):
            raise NotUnderstood("it reads a tensor whose columns are not its last axis")
        return seen

    def settle(self, value: Value) -> Value:
        """The tensor of a value that waited for further nodes; the same one when asked again."""
        if id(value) not in self._settled:
            self._settled[id(value)] = (value, self._settle(value))
        return self._settled[id(value)][1]

    def _settle(self, value: Value) -> Value:
        if isinstance(value, Product):
            return self.linear(value, None)
        if isinstance(value, Function):
            return self._function(value)
        if isinstance(value, Statistic) and value.kind in {"normalized", "scaled"}:
            width = axis_size(value.source.dimensions, "columns")
            gain = np.ones(width, np.float32) if value.gain is None else value.gain
            return self.layer_norm(value.source, gain, np.zeros_like(gain), value.epsilon, None)
        return value

    def linear(self, product: Product, bias: np.ndarray | None) -> Seen:
        """``x W + b``."""
        node = product.node
        source = product.source.name
        if len(self.graph.tensors[source].shape) == 1:
            size = (1, *self.graph.tensors[source].shape)
            source = self._layers.reshape(self._name(node, "reshape"), source, size)
        name = self._name(node, "linear")
        self._weights[f"{name}.weight"] = product.weight
        if bias is not None:
            self._weights[f"{name}.bias"] = bias
        return Seen(self._layers.linear(name, source, bias=bias is not None), product.dimensions)

    def layer_norm(
        self,
        source: Seen,
        gain: np.ndarray,
        bias: np.ndarray,
        epsilon: float,
        node: NodeProto | None,
    ) -> Seen:
        """Layer norm over the columns."""
        source = self.rows(source)
        name = self._name(node, "layer_norm")
        self._weights |= {f"{name}.norm.gain": gain, f"{name}.norm.bias": bias}
        return Seen(self._layers.layer_norm(name, source.name, epsilon), source.dimensions)

    def apply(
        self,
        kind: str,
        node: NodeProto,
        dimensions: Dimensions,
        *inputs: str,
        shape: tuple[int | str, ...] | None = None,
        **spec: object,
    ) -> Seen:
        """An operator of the shape of its first input, or of another."""
        size = shape or self.graph.tensors[inputs[0]].shape
        name = self._name(node, kind)
        return Seen(
            self.graph.apply(kind, name, *inputs, shape=size, spec=spec or None), dimensions
        )

    def embedding(self, ids: Seen, table: np.ndarray, dimensions: Dimensions,
                  node: NodeProto | None) -> Seen:  # fmt: skip
        """Rows of a table by token."""
        name = self._name(node, "embedding")
        self._weights[f"{name}.table"] = table
        return Seen(self._layers.lookup(name, ids.name), dimensions)

    def positions(self, x: Seen, table: np.ndarray, node: NodeProto | None) -> Seen:
        """``x`` plus a row for each place."""
        name = self._name(node, "position")
        self._weights[f"{name}.table"] = table
        return Seen(self._layers.positions(name, x.name, len(table)), x.dimensions)

    def prepend(self, x: Seen, table: np.ndarray, dimensions: Dimensions, node: NodeProto) -> Seen:
        """Learned rows before those of ``x``."""
        name = self._name(node, "prepend")
        self._weights[f"{name}.table"] = table
        return Seen(self._layers.prepend(name, x.name, len(table)), dimensions)

    def patches(
        self, x: Seen, kernel: np.ndarray, stride: tuple[int, ...], node: NodeProto
    ) -> tuple[str, np.ndarray]:
        """Windows of an image as rows, and the kernel (D, channels, height, width) as (K, D)."""
        name, size = self._name(node, "windows"), kernel.shape[2:]
        windows = self._layers.windows(name, x.name, size, stride, [(0, 0), (0, 0)])
        height, width, length = self.graph.tensors[windows].shape
        if not isinstance(height, int) or not isinstance(width, int):
            raise NotUnderstood("its image has no fixed size")
        rows = self._layers.reshape(f"{name}.rows", windows, (height * width, length))
        return rows, kernel.transpose(2, 3, 1, 0).reshape(-1, len(kernel))

    def select_rows(self, x: Seen, start: int, stop: int, dimensions: Dimensions,
                    node: NodeProto) -> Seen:  # fmt: skip
        """Rows ``start`` to ``stop - 1``."""
        name = self._name(node, "slice")
        return Seen(self._layers.rows(name, x.name, start, stop), dimensions)

    def select_columns(self, x: Seen, start: int, stop: int, dimensions: Dimensions,
                       node: NodeProto) -> Seen:  # fmt: skip
        """Columns of what a linear makes: those of its weights."""
        maker = self._maker(x)
        if maker is None or maker.kind != "linear":
            raise NotUnderstood("it takes columns of a tensor that no linear layer makes")
        weight, bias = (self.graph.constants[name] for name in maker.inputs[1:])
        product = Product(Seen(maker.inputs[0], ()), weight[:, start:stop], dimensions, node)
        return self.linear(product, bias[start:stop])

    def change(self, x: Seen, factor: np.ndarray | float, offset: np.ndarray | float,
               node: NodeProto | None) -> Seen:  # fmt: skip
        """``x * factor + offset``, in the constants of the operator that makes ``x``."""
        maker = self._maker(x)
        kind = maker.kind if maker else ""
        if maker is None or kind not in {"embedding", "linear", "layer_norm", "residual_add"}:
            raise NotUnderstood(f"it scales or moves the result of {kind or 'an input'}")
        constants = [self.graph.constants.get(name, 0.0) for name in maker.inputs[1:]]
        if kind == "embedding":
            return self.embedding(
                Seen(maker.inputs[0], ()), constants[0] * factor + offset, x.dimensions, node
            )
        if kind == "linear":
            product = Product(Seen(maker.inputs[0], ()), constants[0] * factor, x.dimensions, node)
            return self.linear(product, constants[1] * factor + offset)
        if kind == "layer_norm":
            source = Seen(maker.inputs[0], x.dimensions)
            gain, bias = (constants[0] * factor, constants[1] * factor + offset)
            return self.layer_norm(source, gain, bias, maker.spec["epsilon"], node)
        place = self._maker(Seen(maker.inputs[1], ()))
        if place is None or place.kind != "position" or np.any(factor != 1):
            raise NotUnderstood("it scales or moves a sum")
        table = self.graph.constants[place.inputs[1]] + offset
        return self.positions(replace(x, name=maker.inputs[0]), table, node)

    def finish(self, *outputs: str) -> Graph:
        """The graph, without operators and constants that no output needs."""
        needed, kept = set(outputs), []
        for operator in reversed(self.graph.operators):
            if needed & set(operator.outputs):
                kept.append(operator)
                needed |= set(operator.inputs)
        self.graph.operators = kept[::-1]
        for part in (self.graph.constants, self.graph.tensors):
            for name in [name for name in part if name not in needed]:
                del part[name]
        self.graph.inputs = [name for name in self.graph.inputs if name in needed]
        return self.graph.finish(*outputs)

    def _function(self, value: Function) -> Seen:
        """The activation of these values, or a factor in the weights before."""
        node = value.node
        factor = as_factor(value)
        if factor == 1:
            return value.source
        if factor is not None:
            return self.change(value.source, factor, 0.0, node)
        source = self.rows(value.source)
        for kind in ACTIVATIONS:
            if np.allclose(REAL_OPERATORS[kind](GRID), value.values, atol=2e-6):
                name = self._name(node, kind)
                return Seen(self._layers.same(kind, name, source.name), source.dimensions)
        last = node.name if node else "its input"
        raise NotUnderstood(f"the function that {last!r} ends is none of {', '.join(ACTIVATIONS)}")

    def _maker(self, x: Seen) -> Operator | None:
        return next((o for o in self.graph.operators if x.name in o.outputs), None)

    def _name(self, node: NodeProto | None, kind: str) -> str:
        """The path of the node's name, without its last part, or the kind; and a number."""
        path = (node.name if node else "").strip("/").rpartition("/")[0]
        stem = re.sub(r"[^\w.]+", ".", path) or kind
        self._names[stem] += 1
        return stem if self._names[stem] == 1 else f"{stem}.{self._names[stem]}"


def as_factor(value: Seen | Function) -> float | None:
    """The factor that a function is, 1 for a tensor; None for another function."""
    if isinstance(value, Seen):
        return 1.0
    factor = float(value.values[-1] / GRID[-1])
    return round_one(factor) if np.allclose(value.values, GRID * factor, atol=1e-6) else None


def round_one(factor: float) -> float:
    """1 where it is 1 but for rounding."""
    return 1.0 if abs(factor - 1) < 1e-6 else factor


def known_array(value: Value) -> np.ndarray:
    """The numbers of a constant."""
    if not isinstance(value, Known):
        raise NotUnderstood("it needs a constant where the network computes a tensor")
    return value.array
