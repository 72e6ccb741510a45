"""Which of ONNX's published node tests pass here, which are not claimed and why, which fail."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from golden.models.onnx_nodes import arithmetic, attention, movement, quantized, recurrent
from golden.models.onnx_nodes.cases import Claim, NodeCase, node_cases

CLAIMS: dict[str, Claim] = {
    **arithmetic.CLAIMS,
    **attention.CLAIMS,
    **movement.CLAIMS,
    **quantized.CLAIMS,
    **recurrent.CLAIMS,
}
"""ONNX's operators that there is one of ours for."""

RESULTS = ("passed", "not claimed", "failed")
TOLERANCE = {"float16": 1e-2, "bfloat16": 1e-2}
"""Relative and absolute, where it is not 1e-5: the type's own precision."""


class Outcome(NamedTuple):
    """What became of a case: ``why`` it is not claimed or how it failed, and its ``ties``.

    A tie is a number half-way between two codes that ONNX rounds to the even one and we round up.
    """

    name: str
    kind: str
    result: str
    why: str = ""
    ties: int = 0


@cache
def check_nodes() -> list[Outcome]:
    """Run every published case of the operators that we have; once a process."""
    return [check(case) for case in node_cases() if case.kind in CLAIMS]


def check(case: NodeCase) -> Outcome:
    """Run one case."""
    claim = CLAIMS[case.kind]
    if (reason := claim.reason(case)) is not None:
        return Outcome(case.name, case.kind, "not claimed", reason)
    ties = 0
    try:
        found = claim.run(case.inputs, case.attributes)
        for index, expected in case.outputs.items():
            if claim.ties is None:
                _check_numbers(np.asarray(found[index]), expected)
            else:
                ties += _check_codes(found[index], expected, claim.ties(case))
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
        return Outcome(case.name, case.kind, "failed", " ".join(str(error).split()))
    return Outcome(case.name, case.kind, "passed", ties=ties)


def count(outcomes: Sequence[Outcome]) -> dict[str, Counter[str]]:
    """Cases of every operator by what became of them."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in sorted(CLAIMS)}
    for outcome in outcomes:
        counts[outcome.kind][outcome.result] += 1
    return counts


def reasons(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], list[str]]:
    """Names of the cases that are not claimed, by operator and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.result == "not claimed":
            found.setdefault((outcome.kind, outcome.why), []).append(outcome.name)
    return dict(sorted(found.items()))


def _check_numbers(found: np.ndarray, expected: np.ndarray) -> None:
    """Floats to their precision, integers exactly."""
    if expected.dtype.kind in "biu":
        np.testing.assert_array_equal(found, expected)
        return
    precision = TOLERANCE.get(expected.dtype.name, 1e-5)
    np.testing.assert_allclose(found, expected.astype(np.float64), precision, precision)


def _check_codes(found: np.ndarray, expected: np.ndarray, ties: np.ndarray) -> int:
    """The same codes, but one more where a tie is rounded up; how many those are."""
    more = found - expected.astype(np.int64)
    np.testing.assert_array_equal(more, np.where(ties, np.clip(more, 0, 1), 0))
    return int((more != 0).sum())
