"""Layers that networks share, each appended to a graph; weights are named as the operators."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from golden.networks.builder import GraphBuilder, last_axis
from golden.networks.weights import MadeWeights

# Columns of a cell's gates per state.
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


class Layers:
    """Appends layers to ``graph`` and takes their constants from ``weights``, matrices (K, M)."""

    def __init__(self, graph: GraphBuilder, weights: Mapping[str, np.ndarray]) -> None:
        self.graph = graph
        self._weights = weights

    def constant(self, name: str, shape: tuple[int, ...] | None = None) -> str:
        """The weight of that name as a constant of the graph, declared at its first use."""
        if name in self.graph.constants:
            return name
        if isinstance(self._weights, MadeWeights) and shape is not None:
            return self.graph.constant(name, self._weights.of_shape(name, shape))
        if name not in self._weights:
            raise ValueError(f"weight {name!r} is missing")
        weight = self._weights[name]
        if shape is not None and weight.shape != shape:
            raise ValueError(f"weight {name!r} has the shape {weight.shape}, not {shape}")
        return self.graph.constant(name, weight)

    def same(self, kind: str, name: str, x: str, *inputs: str, **spec: Any) -> str:
        """An operator whose result has the shape of ``x``."""
        shape = self.graph.tensors[x].shape
        return self.graph.apply(kind, name, x, *inputs, shape=shape, spec=spec or None)

    def linear(self, name: str, x: str, columns: int | None = None, bias: bool = True) -> str:
        """``x W + b``, or ``x W`` of a layer that was trained without a bias.

        ``columns`` may be left out where given weights tell.
        """
        rows = last_axis(self.graph.tensors[x])
        weight = self.constant(f"{name}.weight", (rows, columns) if columns else None)
        shape = (*self.graph.tensors[x].shape[:-1], self.graph.constants[weight].shape[1])
        if bias:
            offset = self.constant(f"{name}.bias", shape[-1:])
        else:
            offset = self.graph.constant(f"{name}.zeros", np.zeros(shape[-1]))
        return self.graph.apply("linear", name, x, weight, offset, shape=shape)

    def layer_norm(self, name: str, x: str, epsilon: float) -> str:
        """Layer norm over the last axis; its name gets ``.norm``."""
        size = (last_axis(self.graph.tensors[x]),)
        gain, bias = (self.constant(f"{name}.norm.{part}", size) for part in ("gain", "bias"))
        return self.same("layer_norm", f"{name}.norm", x, gain, bias, epsilon=epsilon)

    def batch_norm(self, name: str, x: str, epsilon: float = 1e-3) -> str:
        """Batch norm over the last axis; its name gets ``.norm``."""
        size = (last_axis(self.graph.tensors[x]),)
        parts = ("gain", "bias", "mean", "variance")
        constants = [self.constant(f"{name}.norm.{part}", size) for part in parts]
        return self.same("batch_norm", f"{name}.norm", x, *constants, epsilon=epsilon)

    def add(self, name: str, x: str, y: str) -> str:
        """``x + y``; one row of ``y`` counts for all rows of ``x``."""
        return self.same("residual_add", name, x, y)

    def lookup(self, name: str, ids: str, size: tuple[int, int] | None = None) -> str:
        """Rows of ``name.table``."""
        table = self.constant(f"{name}.table", size)
        shape = (*self.graph.tensors[ids].shape, self.graph.constants[table].shape[1])
        return self.graph.apply("embedding", name, ids, table, shape=shape)

    def positions(self, name: str, x: str, count: int) -> str:
        """``x`` plus a learned row for each place; the sum's name gets ``.sum``."""
        table = self.constant(f"{name}.table", (count, last_axis(self.graph.tensors[x])))
        return self.add(f"{name}.sum", x, self.same("position", name, x, table))

    def prepend(self, name: str, x: str, count: int = 1) -> str:
        """Learned rows ``name.table`` before the rows of ``x``."""
        rows, *rest = self.graph.tensors[x].shape
        table = self.constant(f"{name}.table", (count, last_axis(self.graph.tensors[x])))
        total = rows + count if isinstance(rows, int) else f"{rows}+{count}"
        return self.graph.apply("prepend", name, x, table, shape=(total, *rest))

    def windows(
        self,
        name: str,
        x: str,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[tuple[int, int]],
    ) -> str:
        """Windows over the leading axes, as rows for a linear."""
        *sizes, channels = self.graph.tensors[x].shape
        outputs: list[int | str] = []
        for size, length, step, zeros in zip(sizes, kernel, stride, padding, strict=True):
            if isinstance(size, int):
                outputs.append((size + sum(zeros) - length) // step + 1)
            elif step == 1 and sum(zeros) == length - 1:
                outputs.append(size)
            else:
                raise ValueError(f"windows {name!r} need a number for the length {size!r}")
        if not isinstance(channels, int):
            raise ValueError(f"windows {name!r} need a number for the channels {channels!r}")
        spec = {"kernel": tuple(kernel), "stride": tuple(stride), "padding": tuple(padding)}
        shape = (*outputs, math.prod(kernel) * channels)
        return self.graph.apply("windows", name, x, shape=shape, spec=spec)

    def reshape(self, name: str, x: str, shape: tuple[int | str, ...]) -> str:
        """The same numbers in another shape; a named length becomes -1."""
        numbers = tuple(-1 if isinstance(length, str) else length for length in shape)
        return self.graph.apply("reshape", name, x, shape=shape, spec={"shape": numbers})

    def concat(self, name: str, tensors: Sequence[str], axis: int = -1) -> str:
        """Tensors side by side, in columns (-1) or rows (0)."""
        shapes = [self.graph.tensors[tensor].shape for tensor in tensors]
        lengths = [shape[axis] for shape in shapes]
        known = [length for length in lengths if isinstance(length, int)]
        joined = sum(known) if len(known) == len(lengths) else "+".join(map(str, lengths))
        size = list(shapes[0])
        size[axis] = joined
        return self.graph.apply("concat", name, *tensors, shape=tuple(size), spec={"axis": axis})

    def rows(self, name: str, x: str, start: int, stop: int | None) -> str:
        """Rows ``start`` to ``stop - 1``; negative numbers count from the end."""
        if stop is None:
            count: int | str = -start
        else:
            count = stop - start
        shape = (count, *self.graph.tensors[x].shape[1:])
        return self.graph.apply("slice", name, x, shape=shape, spec={"start": start, "stop": stop})

    def max_pool(self, name: str, x: str, window: int | None) -> str:
        """The largest of each column over ``window`` rows at a time, or over all."""
        rows, *rest = self.graph.tensors[x].shape
        if window is not None and not isinstance(rows, int):
            raise ValueError(f"pooling {name!r} needs a number for the length {rows!r}")
        count = rows // window if window is not None and isinstance(rows, int) else 1
        return self.graph.apply("max_pool", name, x, shape=(count, *rest), spec={"window": window})

    def recurrent(
        self,
        name: str,
        x: str,
        cell: str,
        *states: str,
        width: int | None = None,
        reverse: bool = False,
        **spec: bool,
    ) -> str:
        """``cell(x Wx + b)``: its input's product, then the scan; ``states`` to start from.

        ``width`` is the number of states.
        """
        count = GATES[cell]
        gates = self.linear(f"{name}.gates", x, count * width if width else None)
        size = (width, count * width) if width else None
        weight = self.constant(f"{name}.state.weight", size)
        bias = (self.constant(f"{name}.state.bias", size and size[1:]),) if cell == "gru" else ()
        shape = (self.graph.tensors[x].shape[0], len(self.graph.constants[weight]))
        return self.graph.apply(
            cell,
            name,
            gates,
            weight,
            *bias,
            *states,
            shape=shape,
            spec={**spec, "reverse": reverse},
            further_outputs={f"{name}.cells": {"shape": shape}} if spec.get("cells") else None,
        )

    def bidirectional(
        self, name: str, x: str, cell: str, width: int | None = None, **spec: bool
    ) -> str:
        """Both directions side by side, (T, 2 H)."""
        forward = self.recurrent(f"{name}.forward", x, cell, width=width, **spec)
        backward = self.recurrent(f"{name}.backward", x, cell, width=width, reverse=True, **spec)
        return self.concat(name, [forward, backward])
