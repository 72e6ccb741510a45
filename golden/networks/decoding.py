"""Token by token: growing inputs with cached keys and values, greedy and beam search."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from golden.graph import Graph, Operator

Call = Callable[[Operator, dict[str, Any]], None]


class Growing:
    """Runs a graph whose input ``growing`` gets longer, computing only the new rows.

    Keys and values of causal attention are kept; operators that do not depend on ``growing`` run
    once. Every row equals that of a run over the whole input, in integers bit for bit: rows have
    their own scales, and the blocks of keys start at the same places.
    """

    def __init__(self, graph: Graph, fixed: Mapping[str, Any], growing: str, call: Call) -> None:
        self._call = call
        self._growing = growing
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
            elif operator.kind == "attention":
                self._extend(operator, values)
            self._call(operator, values)
        self._length += len(rows)
        return values[self._output]

    def _extend(self, operator: Operator, values: dict[str, Any]) -> None:
        """Put the earlier keys and values before the new ones."""
        for name in operator.inputs[1:3]:
            if name in self._depends:
                earlier = self._cache.get(name)
                new = values[name]
                values[name] = new if earlier is None else np.concatenate([earlier, new])
                self._cache[name] = values[name]


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
