"""Writes a graph operator by operator, so that a network's file reads like its equations."""

from collections.abc import Mapping
from typing import Any

from golden.graph import Graph, Operator, Tensor


class GraphBuilder:
    """Collects tensors, operators and constants; ``finish`` makes the graph.

    Real networks have 32-bit floats: their tensors say 32 bits and a scale of 1.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, Any] = {}
        self.inputs: list[str] = []
        self.operators: list[Operator] = []

    def input(self, name: str, shape: tuple[int | str, ...], **numbers: Any) -> str:
        """Declare an input and return its name."""
        self.inputs.append(name)
        return self._tensor(name, shape, **numbers)

    def constant(self, name: str, value: Any) -> str:
        """Declare a weight, table or bias and return its name."""
        if name in self.constants:
            raise ValueError(f"constant {name!r} of graph {self.name!r} is declared twice")
        self.constants[name] = value
        return name

    def apply(
        self,
        kind: str,
        name: str,
        *inputs: str,
        shape: tuple[int | str, ...],
        spec: Any = None,
        further_outputs: Mapping[str, Mapping[str, Any]] | None = None,
        **numbers: Any,
    ) -> str:
        """Append an operator whose first output has its name, and return that name.

        ``numbers`` are the ``bits``, ``scale`` and ``signed`` of that output; ``further_outputs``
        has the shape and numbers of others by their names.
        """
        self._tensor(name, shape, **numbers)
        for output, description in (further_outputs or {}).items():
            self._tensor(output, **description)
        operator = Operator(
            name=name, kind=kind, spec=spec, inputs=inputs, outputs=(name, *(further_outputs or ()))
        )
        self.operators.append(operator)
        return name

    def finish(self, *outputs: str) -> Graph:
        """The graph."""
        return Graph(
            name=self.name,
            inputs=tuple(self.inputs),
            outputs=outputs,
            tensors=self.tensors,
            operators=tuple(self.operators),
            constants=self.constants,
        )

    def _tensor(
        self,
        name: str,
        shape: tuple[int | str, ...],
        bits: int = 32,
        scale: float = 1.0,
        signed: bool = True,
    ) -> str:
        self.tensors[name] = Tensor(name=name, shape=shape, bits=bits, scale=scale, signed=signed)
        return name


def last_axis(tensor: Tensor) -> int:
    """Length of a tensor's last axis, which must be a number."""
    length = tensor.shape[-1]
    if not isinstance(length, int):
        raise ValueError(f"the last axis of {tensor.name!r} is {length!r}, not a number")
    return length
