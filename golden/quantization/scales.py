"""One scale per tensor, a real value being ``integer * scale``: who shares one, whose is given."""

import math
from collections.abc import Iterator

from golden.graph import Graph, Operator
from golden.integer import integer_range
from golden.operator_spec import RecurrentSpec
from golden.quantization.ranges import Ranges
from golden.table_spec import FUNCTIONS

GATE_FRACTION_BITS = RecurrentSpec().gate_fraction_bits
STATE_SCALE = 2.0**-15
CELL_SCALE = 2.0 ** -RecurrentSpec().cell_fraction_bits

# Inputs and outputs are the same integers, or sums of them.
_MOVES = {
    *("concat", "delta", "max_pool", "prepend", "reshape", "residual_add", "slice", "top_k"),
    "windows",
}
_BOUNDED = {"sigmoid", "tanh"}


def tensor_scales(graph: Graph, ranges: Ranges, margin: float, bits: int) -> dict[str, float]:
    """The scale of every tensor of ``ranges``, so that ``margin`` times its range fits.

    - Tensors that an operator adds or moves share a scale.
    - Inputs and outputs of one function share a power of two, so that one table serves them all;
      what sigmoid and tanh give has a power of two of its own.
    - What a softmax reads are base-2 logarithms, with as many fraction bits as fit.
    - Gates and what additive attention compares have 12 fraction bits, fewer where they leave 8:
      the addends of a gate may be far larger than their sum. States h have 15.
    """
    leader = {name: name for name in ranges}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for names in _sharing(graph):
        present = [find(name) for name in names if name in leader]
        for name in present[1:]:
            leader[find(name)] = find(present[0])
    members: dict[str, list[str]] = {}
    for name in leader:
        members.setdefault(find(name), []).append(name)

    given: dict[str, set[float]] = {}
    for name, scale in _given(graph, bits):
        given.setdefault(name, set()).add(scale)
    gates = set(_gates(graph))
    functions = [o for o in graph.operators if o.kind in FUNCTIONS]
    powers = {name for o in functions for name in (o.inputs[0], o.name)}
    logarithms = {o.inputs[0] for o in graph.operators if o.kind == "softmax"}
    scales: dict[str, float] = {}
    for group in members.values():
        largest = max(float(ranges.largest(name, bits)[0]) for name in group)
        scale = max(largest * margin, 1e-30) / integer_range(bits)[1]
        wanted = {scale: name for name in group for scale in given.get(name, ())}
        wanted |= {_gate_scale(scale): name for name in group if name in gates}
        if len(wanted) > 1:
            (scale, name), (other_scale, other) = list(wanted.items())[:2]
            raise ValueError(
                f"tensors {name!r} and {other!r} of graph {graph.name!r} must share a scale, but "
                f"need {scale} and {other_scale} by their formats: put a rescale between them"
            )
        if wanted:
            scale, name = next(iter(wanted.items()))
            # States and unit vectors never reach more than 1.
            if scale == STATE_SCALE and largest > 1 + 1e-6:
                raise ValueError(
                    f"a tensor that shares its scale with {name!r} of graph {graph.name!r} reaches "
                    f"{largest:.3g}, but that format ends at 1: put a rescale between them"
                )
        elif logarithms & set(group):
            fraction_bits = math.floor(math.log2(math.log(2) / scale))
            scale = math.log(2) * 2.0 ** -min(max(fraction_bits, 4), 13)
        elif powers & set(group):
            scale = 2.0 ** max(math.ceil(math.log2(scale)), 1 - bits)
        scales.update(dict.fromkeys(group, scale))
    return scales


def _sharing(graph: Graph) -> Iterator[tuple[str, ...]]:
    """Groups of names that share a scale; names without one may be among them."""
    for operator in graph.operators:
        if operator.kind in _MOVES:
            yield (*operator.inputs, *operator.outputs)
        elif operator.kind == "additive_attention":
            yield operator.inputs[:2]
            yield operator.inputs[2], operator.name
        elif operator.kind == "attention_recurrent":
            yield operator.inputs[2], operator.outputs[-1]
    for kind in FUNCTIONS:
        yield tuple(name for o in graph.operators if o.kind == kind for name in _function(o))


def _function(operator: Operator) -> tuple[str, ...]:
    """Tensors of a function that share a power of two."""
    bounded = operator.kind in _BOUNDED
    return operator.inputs[:1] if bounded else (operator.inputs[0], operator.name)


def _given(graph: Graph, bits: int) -> Iterator[tuple[str, float]]:
    """Names with the scale that a format prescribes."""
    for operator in graph.operators:
        if operator.kind == "l2_normalize":
            yield operator.name, 2.0 ** (1 - bits)
        elif operator.kind in {"rnn", "gru", "lstm", "attention_recurrent"}:
            yield from zip(state_inputs(operator), (STATE_SCALE, CELL_SCALE), strict=False)
            attends = operator.kind == "attention_recurrent"
            states = operator.outputs[:-1] if attends else operator.outputs
            yield from zip(states, (STATE_SCALE, CELL_SCALE), strict=False)


def _gates(graph: Graph) -> Iterator[str]:
    """What sigmoid and tanh of a cell or of additive attention read, before it is summed."""
    for operator in graph.operators:
        spec = operator.spec or {}
        if operator.kind in {"rnn", "gru", "lstm", "attention_recurrent"}:
            yield operator.inputs[0]
        elif operator.kind == "additive_attention":
            yield from operator.inputs[:2]
        if operator.kind == "attention_recurrent" and spec.get("score", "additive") == "additive":
            yield operator.inputs[1]


def _gate_scale(scale: float) -> float:
    """The least power of two that is no smaller than ``scale``, of 12 fraction bits at most."""
    return 2.0 ** max(math.ceil(math.log2(scale)), -GATE_FRACTION_BITS)


def state_inputs(operator: Operator) -> tuple[str, ...]:
    """Inputs of a real recurrent operator that are the states before its first step."""
    spec = operator.spec or {}
    if operator.kind == "attention_recurrent":
        return operator.inputs[3 : 5 if spec.get("cell") == "lstm" else 4]
    return operator.inputs[3 if operator.kind == "gru" else 2 :]
