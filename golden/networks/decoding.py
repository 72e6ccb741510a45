"""Token by token: growing inputs with cached keys and values, greedy and beam search."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from golden.graph import Graph, Operator
from golden.table_spec import FUNCTIONS

Call = Callable[[Operator, dict[str, Any]], None]


RECURRENT = {"rnn", "gru", "lstm", "attention_recurrent"}

_BY_ROW = {
    *("activation", "additive_attention", "affine", "attention", "batch_norm", "embedding"),
    *("layer_norm", "linear", "linear_attention", "multiply", "position", "prepend", "quantize"),
    *("l2_normalize", "rescale", "residual_add", "softmax"),
    *FUNCTIONS,
    *RECURRENT,
}


class Growing:
    """Runs a graph whose input ``growing`` gets longer, computing only the new rows.

    Keys and values of causal attention are kept, and the states of recurrent cells; operators that
    do not depend on ``growing`` run once. Every row equals that of a run over the whole input, in
    integers bit for bit: rows have their own scales, and the blocks of keys start at the same
    places.
    """

    def __init__(self, graph: Graph, fixed: Mapping[str, Any], growing: str, call: Call) -> None:
        self._call = call
        self._growing = growing
        self._constants = graph.constants.keys()
        self._values: dict[str, Any] = {**graph.constants, **fixed}
        self._output = graph.outputs[0]
        self._length = 0
        self._cache: dict[str, np.ndarray] = {}
        self._operators: list[Operator] = []
        self._depends = {growing}
        for operator in graph.operators:
            if self._depends.isdisjoint(operator.inputs):
                call(operator, self._values)
            else:
                if not _by_row(operator):
                    raise ValueError(
                        f"operator {operator.name!r} of kind {operator.kind!r} reads rows of "
                        f"{growing!r} that come later: run the whole input instead"
                    )
                self._depends.update(operator.outputs)
                self._operators.append(operator)

    def copy(self) -> "Growing":
        """The same state, to continue in another way."""
        other = object.__new__(Growing)
        other.__dict__.update(self.__dict__)
        other._cache = dict(self._cache)
        return other

    def append(self, rows: np.ndarray) -> np.ndarray:
        """The output's new rows, for new rows of the growing input."""
        values = {**self._values, self._growing: np.asarray(rows)}
        for operator in self._operators:
            if operator.kind == "position":
                table = operator.inputs[1]
                values[table] = self._values[table][self._length :]
            elif operator.kind in {"attention", "linear_attention"}:
                self._extend(operator, values)
            elif operator.kind == "prepend" and self._length:
                # The learned rows came with the first piece.
                values[operator.name] = values[operator.inputs[0]]
                continue
            states = self._states(operator)
            before = {name: values[name] for name in states}
            values.update({
                n: self._cache.get(f"{operator.name}<{n}", x) for n, x in before.items()
            })
            self._call(operator, values)
            values.update(before)
            for name, output in states.items():
                self._cache[f"{operator.name}<{name}"] = values[output][-1:]
        self._length += len(rows)
        return values[self._output]

    def _states(self, operator: Operator) -> dict[str, str]:
        """A recurrent operator's states before its first step, and what they are after its last."""
        if operator.kind not in RECURRENT:
            return {}
        if operator.kind == "attention_recurrent":
            outputs = operator.outputs[:-1]
            return dict(zip(operator.inputs[3:], outputs, strict=False))
        names = [name for name in operator.inputs[1:] if name not in self._constants]
        if len(names) != len(operator.outputs):
            raise ValueError(
                f"operator {operator.name!r} needs the states before its first step as inputs, and "
                f"gives {len(operator.outputs)}: it has {len(names)}"
            )
        return dict(zip(names, operator.outputs, strict=True))

    def _extend(self, operator: Operator, values: dict[str, Any]) -> None:
        """Put the earlier keys and values before the new ones."""
        for name in operator.inputs[1:3]:
            if name in self._depends:
                earlier = self._cache.get(name)
                new = values[name]
                values[name] = new if earlier is None else np.concatenate([earlier, new])
                self._cache[name] = values[name]


def _by_row(operator: Operator) -> bool:
    """Whether no row depends on a later row of what the operator reads first."""

    def setting(name: str, default: Any) -> Any:
        spec = operator.spec or {}
        return spec.get(name, default) if isinstance(spec, dict) else getattr(spec, name, default)

    if operator.kind in {"concat", "slice"}:
        return setting("axis", 0) != 0
    return operator.kind in _BY_ROW and not setting("reverse", False)


class Hypothesis(NamedTuple):
    """Tokens after the start, and the sum of their log probabilities."""

    tokens: tuple[int, ...]
    score: float


def greedy(run: Growing, start: int, end: int, limit: int) -> list[int]:
    """The likeliest token each time (the lowest of equals), up to ``end`` or ``limit`` tokens."""
    tokens: list[int] = []
    token = start
    while len(tokens) < limit:
        token = int(run.append(np.array([token]))[-1].argmax())
        tokens.append(token)
        if token == end:
            break
    return tokens


def beam(run: Growing, start: int, end: int, limit: int, width: int) -> Hypothesis:
    """The best of ``width`` hypotheses carried along, by the sum of log probabilities."""
    alive = [(Hypothesis((), 0.0), run)]
    done: list[Hypothesis] = []
    for _ in range(limit):
        candidates = []
        for hypothesis, state in alive:
            last = hypothesis.tokens[-1] if hypothesis.tokens else start
            grown = state.copy()
            p = grown.append(np.array([last]))[-1].astype(float)
            # A token of probability zero is possible, but worse than any other.
            logarithms = np.log(np.maximum(p / p.sum(), 1e-9))
            for token in np.argsort(-logarithms, kind="stable")[:width]:
                tokens = (*hypothesis.tokens, int(token))
                score = hypothesis.score + float(logarithms[token])
                candidates.append((Hypothesis(tokens, score), grown))
        candidates.sort(key=lambda candidate: -candidate[0].score)
        best = candidates[:width]
        done.extend(hypothesis for hypothesis, _ in best if hypothesis.tokens[-1] == end)
        alive = [candidate for candidate in best if candidate[0].tokens[-1] != end]
        if not alive:
            break
    done.extend(hypothesis for hypothesis, _ in alive)
    return max(done, key=lambda hypothesis: hypothesis.score)
