"""Walks the nodes of an ONNX graph in order, with one sentence or one image of a chosen size.

What depends on no number of the input (shapes, masks of a sentence without padding, positions,
token types) is computed at once; what is left are the operators of an encoder.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto, helper, numpy_helper

from golden.models.onnx_import.emit import Emitter
from golden.models.onnx_import.fold import Folder
from golden.models.onnx_import.values import (
    Dimensions,
    Known,
    NotUnderstood,
    Seen,
    Unknown,
    Value,
    whole,
)

Rule = Callable[["Walk", NodeProto, list[Value]], list[Value]]
# Nodes that keep the rows of a table rows of that table.
_KEEP = {"Cast", "Expand", "Identity", "Reshape", "Squeeze", "Unsqueeze"}


class Fault(NamedTuple):
    """A node that is not understood, and why."""

    name: str
    kind: str
    reason: str


class Walk:
    """The values of an ONNX graph by name, the operators that ``emit`` wrote, and the faults.

    ``rules`` are what a kind of node becomes; ``tokens`` is the length of the sentence; ``lengths``
    are those of dimensions that the file names and leaves open.
    """

    def __init__(
        self,
        model: ModelProto,
        rules: Mapping[str, Rule],
        tokens: int,
        lengths: Mapping[str, int],
    ) -> None:
        self.opset = next(
            one.version for one in model.opset_import if one.domain in {"", "ai.onnx"}
        )
        self.fold = Folder(self.opset)
        self.emit = Emitter(model.graph.name or "onnx")
        self.faults: list[Fault] = []
        self.values: dict[str, Value] = {}
        self._rules, self._tokens, self._lengths = rules, tokens, lengths
        self._open = False
        for constant in model.graph.initializer:
            self.values[constant.name] = Known(numpy_helper.to_array(constant))
        for value in model.graph.input:
            if value.name not in self.values:
                self.values[value.name] = self._input(value)

    def run(self, graph: GraphProto, outputs: Sequence[str]) -> list[Seen]:
        """The tensors of ``outputs``; only nodes that they need are walked."""
        for node in needed(graph, outputs):
            inputs = [self.values[name] if name else None for name in node.input]
            try:
                values = self._node(node, inputs)
            except NotUnderstood as fault:
                values = self._fault(node, str(fault))
            except (ValueError, IndexError, RuntimeError) as error:
                # Such as a Reshape that holds the length with which the file was exported.
                reason = f"it fails where a sentence has {self._tokens} tokens ({error})"
                values = self._fault(node, reason)
            self.values.update(zip(node.output, values, strict=True))
        found = []
        for name in outputs:
            try:
                found.append(self.emit.rows(self.values[name]))
            except NotUnderstood as fault:
                if not isinstance(self.values[name], Unknown):
                    self.faults.append(Fault(name, "output", str(fault)))
        return found

    def seen(self, value: Value) -> Seen:
        """A tensor of ours, in whatever dimensions."""
        found = self.emit.settle(value)
        if not isinstance(found, Seen):
            raise NotUnderstood("it reads what is no whole tensor")
        return found

    def dimensions(self, value: Value) -> Dimensions:
        """Those of anything but constants."""
        if isinstance(value, Known | Unknown):
            raise NotUnderstood("it reads a constant where a tensor is expected")
        return value.dimensions

    def is_source(self, value: Value | None, statistic: Value) -> bool:
        """Whether a statistic is one of this tensor."""
        if value is None or isinstance(value, Known):
            return False
        return self.emit.settle(value) == getattr(statistic, "source", None)

    @property
    def has_open_length(self) -> bool:
        """Whether another sentence may have another number of rows."""
        return self._open

    def _fault(self, node: NodeProto, reason: str) -> list[Value]:
        self.faults.append(Fault(node.name, node.op_type, reason))
        return [Unknown() for _ in node.output]

    def _node(self, node: NodeProto, inputs: list[Value | None]) -> list[Value]:
        if any(isinstance(x, Unknown) for x in inputs):
            return [Unknown() for _ in node.output]
        if node.domain not in {"", "ai.onnx"}:
            raise NotUnderstood(
                f"it belongs to {node.domain}: import the file before its optimiser"
            )
        if any(attribute.HasField("g") for attribute in node.attribute):
            raise NotUnderstood("it holds a graph of its own")
        known = [x for x in inputs if isinstance(x, Known)]
        if len(known) == sum(x is not None for x in inputs):
            table = self._table(node, known)
            arrays = self.fold(node, [x.array if isinstance(x, Known) else None for x in inputs])
            return [Known(array, table) for array in arrays]
        if node.op_type not in self._rules:
            raise NotUnderstood("it has no form in our operators")
        given: list[Value] = [x if x is not None else Known(np.array(None)) for x in inputs]
        while node.input and not node.input[len(given) - 1]:
            given.pop()
        return self._rules[node.op_type](self, node, given)

    def _table(self, node: NodeProto, known: list[Known]) -> np.ndarray | None:
        """The table of which the node gives the first rows, one for each token."""
        if node.op_type in _KEEP and known:
            return known[0].table
        if node.op_type != "Gather" or not self._open or known[0].array.ndim != 2:
            return None
        places = known[1].array.reshape(-1)
        is_table = np.array_equal(places, np.arange(self._tokens) + places[:1])
        return known[0].array[int(places[0]) :] if is_table else None

    def _input(self, value: ValueInfoProto) -> Value:
        """One sentence: ids unknown, no padding, one token type. One image: unknown."""
        kind = value.type.tensor_type
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
        size = [one.dim_value or self._lengths.get(one.dim_param, 0) for one in kind.shape.dim]
        if dtype.kind == "i" and len(size) == 2:
            self._open = self._open or not size[1]
            count = size[1] or self._tokens
            if "mask" in value.name or "type" in value.name:
                return Known(np.full((1, count), "mask" in value.name, dtype))
            if "position" in value.name:
                return Known(np.arange(count, dtype=dtype)[None])
            self.emit.graph.input("token_ids", (size[1] or "tokens",))
            return Seen("token_ids", ((), whole("rows", count)))
        if dtype.kind == "f" and len(size) == 4:
            missing = [
                one.dim_param for one, n in zip(kind.shape.dim[1:], size[1:], strict=True) if not n
            ]
            if missing:
                raise ValueError(
                    f"input {value.name!r} leaves its dimensions {', '.join(missing)} open: give "
                    f"their lengths"
                )
            _, channels, height, width = size
            self.emit.graph.input("input", (height, width, channels))
            axes = (("channels", channels), ("height", height), ("width", width))
            return Seen("input", ((), *(whole(axis, length) for axis, length in axes)))
        raise ValueError(
            f"input {value.name!r} of {dtype} and {len(size)} dimensions is neither token ids, "
            f"their mask, types or positions, nor an image: export the encoder with these"
        )


def needed(graph: GraphProto, outputs: Sequence[str]) -> list[NodeProto]:
    """The nodes that the outputs need, in order."""
    wanted, kept = set(outputs), []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    return kept[::-1]
