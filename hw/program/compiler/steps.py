"""Operators gathered into steps: what one instruction, or one product, does together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from golden.graph import Graph, Operator

STAGES = {
    "residual_add": 0,
    **dict.fromkeys(
        ("multiply", "affine", "layer_norm", "l2_normalize", "mean_pool", "softmax"), 1
    ),
    "max_pool": 1,
    "activation": 2,
    "quantize": 3,
}
"""Kinds of the vector unit, by their place in an instruction."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """``kind`` is "vector" (operators of one instruction, in order), or that of its operators.

    ``written`` are the tensors that it writes: others live only inside of an instruction.
    """

    kind: str
    operators: tuple[Operator, ...]
    written: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Tensors and constants that it reads, not what it makes itself."""
        made = {name for operator in self.operators for name in operator.outputs}
        return tuple(
            name
            for operator in self.operators
            for name in dict.fromkeys(operator.inputs)
            if name not in made
        )


def steps(graph: Graph, operators: Sequence[Operator], keep: set[str]) -> list[Step]:
    """The operators in order, fused; tensors of ``keep`` are written in any case."""
    done: set[str] = set()
    found = []
    for operator in operators:
        if operator.name in done:
            continue
        if operator.kind == "linear":
            group = [
                one
                for one in operators
                if one.kind == "linear" and one.inputs[0] == operator.inputs[0]
            ]
            step = Step(
                kind="linear", operators=tuple(group), written=tuple(one.name for one in group)
            )
        elif operator.kind in STAGES:
            step = _vector(graph, operator, operators, keep)
        else:
            step = Step(kind=operator.kind, operators=(operator,), written=operator.outputs)
        done.update(one.name for one in step.operators)
        found.append(step)
    return found


def _vector(graph: Graph, first: Operator, operators: Sequence[Operator], keep: set[str]) -> Step:
    """Operators that follow ``first`` without anything else reading what is between them."""
    chain = [first]
    written: list[str] = []
    while chain[-1].kind != "quantize":
        last = chain[-1]
        readers = list(_readers(operators, last.name))
        codes = [one for one in readers if one.kind == "quantize"]
        others = [one for one in readers if one.kind != "quantize"]
        kept = last.name in keep or last.name in graph.outputs
        if len(others) == 1 and not codes and not kept and _follows(last, others[0]):
            chain.append(others[0])
            continue
        if others or kept or not codes:
            written.append(last.name)
        if not codes or (last.kind == "max_pool" and others):
            break
        chain.append(codes[0])
    if chain[-1].kind == "quantize":
        written.extend(chain[-1].outputs)
    return Step(kind="vector", operators=tuple(chain), written=tuple(written))


def _follows(last: Operator, reader: Operator) -> bool:
    """Whether the instruction of ``last`` can do ``reader`` as well."""
    later = STAGES.get(reader.kind, -1) > STAGES[last.kind]
    alone = reader.inputs[0] == last.name and last.name not in reader.inputs[1:]
    return later and alone and reader.kind not in {"mean_pool", "max_pool", "multiply"}


def _readers(operators: Sequence[Operator], name: str) -> Iterator[Operator]:
    return (one for one in operators if name in one.inputs)
