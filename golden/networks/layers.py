"""Layers that networks share, each appended to a graph; weights are named as the operators."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from golden.networks.builder import GraphBuilder, last_axis

# Columns of a cell's gates per state.
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


class Layers:
    """Appends layers to ``graph`` and takes their constants from ``weights``, matrices (K, M)."""

    def __init__(self, graph: GraphBuilder, weights: Mapping[str, np.ndarray]) -> None:
        self.graph = graph
        self._weights = weights

    def constant(self, name: str) -> str:
        """The weight of that name as a constant of the graph, declared at its first use."""
        if name not in self._weights:
            raise ValueError(f"weight {name!r} is missing")
        if name in self.graph.constants:
            return name
        return self.graph.constant(name, self._weights[name])

    def same(self, kind: str, name: str, x: str, *inputs: str, **spec: Any) -> str:
        """An operator whose result has the shape of ``x``."""
        shape = self.graph.tensors[x].shape
        return self.graph.apply(kind, name, x, *inputs, shape=shape, spec=spec or None)

    def linear(self, name: str, x: str, bias: bool = True) -> str:
        """``x W + b``, or ``x W`` of a layer that was trained without one."""
        weight = self.constant(f"{name}.weight")
        shape = (*self.graph.tensors[x].shape[:-1], self._weights[weight].shape[1])
        if bias:
            zeros = self.constant(f"{name}.bias")
        else:
            zeros = self.graph.constant(f"{name}.zeros", np.zeros(shape[-1]))
        return self.graph.apply("linear", name, x, weight, zeros, shape=shape)

    def layer_norm(self, name: str, x: str, epsilon: float) -> str:
        """Layer norm over the last axis; its name gets ``.norm``."""
        gain, bias = self.constant(f"{name}.norm.gain"), self.constant(f"{name}.norm.bias")
        return self.same("layer_norm", f"{name}.norm", x, gain, bias, epsilon=epsilon)

    def add(self, name: str, x: str, y: str) -> str:
        """``x + y``; one row of ``y`` counts for all rows of ``x``."""
        return self.same("residual_add", name, x, y)

    def embedding(self, name: str, ids: str) -> str:
        """Rows of ``name.table``."""
        table = self.constant(f"{name}.table")
        shape = (*self.graph.tensors[ids].shape, self._weights[table].shape[1])
        return self.graph.apply("embedding", name, ids, table, shape=shape)

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

    def recurrent(
        self, name: str, x: str, cell: str, *states: str, reverse: bool = False, **spec: bool
    ) -> str:
        """``cell(x Wx + b)``: its input's product, then the scan; ``states`` to start from."""
        gates = self.linear(f"{name}.gates", x)
        weight = self.constant(f"{name}.state.weight")
        bias = (self.constant(f"{name}.state.bias"),) if cell == "gru" else ()
        shape = (self.graph.tensors[x].shape[0], len(self._weights[weight]))
        return self.graph.apply(
            cell,
            name,
            gates,
            weight,
            *bias,
            *states,
            shape=shape,
            spec={**spec, "reverse": reverse},
        )

    def bidirectional(self, name: str, x: str, cell: str, **spec: bool) -> str:
        """Both directions side by side, (T, 2 H)."""
        forward = self.recurrent(f"{name}.forward", x, cell, **spec)
        backward = self.recurrent(f"{name}.backward", x, cell, reverse=True, **spec)
        return self.concat(name, [forward, backward])


def width(graph: GraphBuilder, name: str) -> int:
    """Length of a tensor's last axis."""
    return last_axis(graph.tensors[name])
