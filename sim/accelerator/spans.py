"""When each instruction of a run was under way, from what the RTL told of their completions."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw.program.instructions import FREE, UNITS
from hw.program.program import Program


class Span(NamedTuple):
    """One instruction of a unit: its place in the program, first cycle and last."""

    unit: str
    place: int
    begin: int
    end: int


def spans(
    program: Program, order: Sequence[int], completions: NDArray[np.int64], depth: int
) -> list[Span]:
    """Instructions by the end that the RTL told, each begun when nothing held it back any more.

    That is when the one before it in its unit and all that its lags name were complete, and its
    queue had room for it; a unit whose instructions overlap may have begun a few cycles earlier.

    Parameters
    ----------
    order : places of the instructions of all units as they were given, loops unrolled
    completions : rows of cycle and unit, ``Outcome.completions``
    depth : instructions that wait in a unit's queue, ``AcceleratorPlan.queue_depth``

    Raise ``ValueError`` where ``order`` and ``completions`` tell of different instructions.
    """
    ends: dict[str, list[int]] = defaultdict(list)
    for cycle, unit in completions:
        ends[UNITS[int(unit)]].append(int(cycle))
    given: dict[str, int] = dict.fromkeys(UNITS[1:], 0)
    begins: dict[str, list[int]] = defaultdict(list)
    found, dispatched = [], 0
    for place in order:
        one = program.instructions[place]
        own = given[one.unit]
        if own >= len(ends[one.unit]):
            raise ValueError(f"only {own} instructions of {one.unit} were complete at the end")
        if own >= depth:
            dispatched = max(dispatched, begins[one.unit][own - depth])
        begin = max(dispatched, ends[one.unit][own - 1] if own else 0)
        for unit, lag in one.lags.items():
            last = given[unit] - lag
            if lag != FREE and last > 0:
                begin = max(begin, ends[unit][last - 1])
        begins[one.unit].append(begin)
        given[one.unit] += 1
        found.append(Span(one.unit, place, begin, ends[one.unit][own]))
    left = {unit: len(ends[unit]) - count for unit, count in given.items()}
    if any(left.values()):
        raise ValueError(f"instructions were complete that nobody gave: {left}")
    return found


def under_way(found: Sequence[Span]) -> int:
    """Cycles in which any of them was."""
    total = reached = 0
    for one in sorted(found, key=lambda one: one.begin):
        total += max(one.end - max(one.begin, reached), 0)
        reached = max(reached, one.end)
    return total
