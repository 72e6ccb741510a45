"""Networks as data: tensors, operators and the graph that orders them. No arithmetic here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A named array of integers: real value = integer * scale.

    ``shape`` may hold names ("tokens") for lengths that are known when the network runs.
    """

    name: str
    shape: tuple[int | str, ...]
    bits: int
    scale: float
    signed: bool = True


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One integer operator: ``kind`` names the function of ``golden.ops``, ``spec`` its numbers."""

    name: str
    kind: str
    spec: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Operators in the order in which they run; ``constants`` holds weights, tables and biases."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    operators: tuple[Operator, ...]
    constants: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = set(self.inputs) | set(self.constants)
        for operator in self.operators:
            for name in operator.inputs:
                if name not in known:
                    raise ValueError(
                        f"operator {operator.name!r} reads {name!r} before anything makes it"
                    )
            for name in operator.outputs:
                if name in known:
                    raise ValueError(f"operator {operator.name!r} makes {name!r} a second time")
                if name not in self.tensors:
                    raise ValueError(f"tensor {name!r} of operator {operator.name!r} has no shape")
                known.add(name)
        for name in self.outputs:
            if name not in known:
                raise ValueError(f"output {name!r} of graph {self.name!r} is made by no operator")
