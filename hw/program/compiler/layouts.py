"""Which layout every tensor has: heads and gates begin with words where something needs it."""

import math
from collections.abc import Iterable, Mapping

from golden.graph import Graph, Operator
from hw.program.compiler.layout import Layout

GATES = {"rnn": 1, "gru": 3, "lstm": 4}

_SAME = {
    *("residual_add", "activation", "affine", "multiply", "layer_norm", "l2_normalize"),
    *("mean_pool", "max_pool", "prepend", "slice", "position", "delta", "softmax"),
}
"""Kinds whose result has its input's layout; the first operands count, constants apart."""

_WHOLE_ROWS = {"layer_norm", "softmax", "top_k"}
"""Kinds that must not see zeros between parts."""


class Layouts:
    """Finds out who shares a layout, and what it is."""

    def __init__(self, graph: Graph, lanes: int, by_host: set[str]) -> None:
        self._graph, self._lanes, self._by_host = graph, lanes, by_host
        self._leader: dict[str, str] = {}
        self._wanted: dict[str, tuple[str, Layout]] = {}

    def find(self) -> dict[str, Layout]:
        """The layout of every tensor."""
        for operator in self._graph.operators:
            self._share(operator)
        for operator in self._graph.operators:
            self._want(operator)
        found = {}
        for name, tensor in self._graph.tensors.items():
            width = tensor.shape[-1] if len(tensor.shape) else 1
            whole = Layout((width if isinstance(width, int) else 1,), self._lanes)
            _, layout = self._wanted.get(self._find(name), ("", whole))
            found[name] = layout
        for operator in self._graph.operators:
            self._derive(operator, found)
        return found

    def _share(self, operator: Operator) -> None:
        kind, inputs = operator.kind, operator.inputs
        if kind == "quantize":
            self._join((inputs[0], *operator.outputs))
        elif kind == "reshape" and operator.name not in self._by_host:
            widths = {self._graph.tensors[name].shape[-1] for name in (inputs[0], operator.name)}
            if len(widths) == 1:
                self._join((inputs[0], operator.name))
        elif kind == "attention":
            # A query's lanes meet the key's; a context has the values'.
            self._join(inputs[:2])
            self._join((inputs[2], operator.name))
        elif kind in {"concat", "slice"} and getattr(operator.spec, "axis", 0) != 0:
            return
        elif kind == "concat":
            self._join((*inputs, operator.name))
        elif kind in _SAME:
            operands = inputs[:2] if kind in {"residual_add", "multiply"} else inputs[:1]
            names = [name for name in operands if name in self._graph.tensors]
            self._join((*names, operator.name))

    def _want(self, operator: Operator) -> None:
        kind, inputs = operator.kind, operator.inputs
        if kind == "attention":
            heads = operator.spec.heads
            for name in (*inputs[:3], operator.name):
                self._ask(operator, name, heads)
        elif kind in GATES:
            self._ask(operator, inputs[0], GATES[kind])
        elif kind == "attention_recurrent":
            self._ask(operator, inputs[0], GATES[operator.spec.cell])
        elif kind in _WHOLE_ROWS:
            self._ask(operator, inputs[0], 1)

    def _ask(self, operator: Operator, name: str, parts: int) -> None:
        width = self._graph.tensors[name].shape[-1]
        if isinstance(width, str) and parts == 1:
            # Rows of unknown length are in one piece.
            return
        if not isinstance(width, int) or width % parts:
            raise ValueError(f"tensor {name!r} of width {width} has no {parts} equal parts")
        wanted = Layout((width // parts,) * parts, self._lanes)
        leader = self._find(name)
        known_by, known = self._wanted.setdefault(leader, (operator.name, wanted))
        if not known.same(wanted):
            raise ValueError(
                f"tensor {name!r} is wanted in parts of {known.parts[0]} by {known_by!r} and of "
                f"{wanted.parts[0]} by {operator.name!r}: a part must be a multiple of "
                f"{self._lanes}, so take a machine with shorter words"
            )
        if len(wanted.parts) > len(known.parts):
            self._wanted[leader] = (operator.name, wanted)

    def _derive(self, operator: Operator, found: dict[str, Layout]) -> None:
        """Columns side by side have the parts of all; windows and merged rows those of each."""
        spec, kind = operator.spec, operator.kind
        if operator.name in self._by_host:
            return
        if kind == "concat" and spec.axis != 0:
            parts = tuple(part for name in operator.inputs for part in found[name].parts)
        elif kind == "windows":
            parts = found[operator.inputs[0]].parts * math.prod(spec.kernel)
        elif kind == "reshape":
            width = self._graph.tensors[operator.name].shape[-1]
            source = found[operator.inputs[0]]
            if isinstance(width, int) and width < source.columns:
                # One row of several: its parts are those of each.
                parts = found[operator.name].parts * (source.columns // width)
                for name in self._members(operator.inputs[0]):
                    found[name] = Layout(parts, self._lanes)
            if not isinstance(width, int) or width <= source.columns:
                return
            parts = source.parts * (width // source.columns)
        else:
            return
        layout = Layout(parts, self._lanes)
        known_by, known = self._wanted.get(self._find(operator.name), ("", layout))
        makers = [one for one in self._graph.operators if one.name == known_by]
        if any(one.kind in _WHOLE_ROWS for one in makers) and not known.same(layout):
            raise ValueError(
                f"{known_by!r} wants {operator.name!r} in one piece, but its parts of {parts} "
                f"columns begin with words of {self._lanes}: put a linear between them"
            )
        for name in self._members(operator.name):
            found[name] = layout

    def _members(self, name: str) -> Iterable[str]:
        leader = self._find(name)
        return [one for one in self._graph.tensors if self._find(one) == leader]

    def _join(self, names: tuple[str, ...]) -> None:
        first = self._find(names[0])
        for name in names[1:]:
            self._leader[self._find(name)] = first

    def _find(self, name: str) -> str:
        while self._leader.get(name, name) != name:
            name = self._leader[name]
        return name


def inside(graph: Graph, layouts: Mapping[str, Layout]) -> dict[str, tuple[str, int, int]]:
    """Tensors that are made where a prepend or a concat wants them."""
    found: dict[str, tuple[str, int, int]] = {}
    made = {
        name
        for one in graph.operators
        for name in one.outputs
        if one.kind not in {"slice", "reshape"}
    }
    for operator in graph.operators:
        if operator.kind == "prepend" and operator.inputs[0] in made:
            rows = len(graph.constants[operator.inputs[1]])
            found[operator.inputs[0]] = (operator.name, rows, 0)
        elif operator.kind == "concat":
            row, word = 0, 0
            for name in operator.inputs:
                if name in made:
                    found.setdefault(name, (operator.name, row, word))
                size = graph.tensors[name].shape[0]
                if operator.spec.axis != 0:
                    word += layouts[name].words
                elif isinstance(size, int):
                    row += size
                else:
                    break
    return found
