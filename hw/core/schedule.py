"""Cycles that a core takes for a run of vectors, as a recurrence: what the RTL is held to."""

import numpy as np
from numpy.typing import NDArray

from golden.spec import CoreSpec
from hw.core.plan import CorePlan
from hw.ops.requantize import Requantizer


def core_cycles(
    spec: CoreSpec, plan: CorePlan, group_cycles: NDArray, last: NDArray | None = None
) -> int:
    """Cycles from the first input taken to the last output, or to the last sum if none is given.

    Counts both ends. Weights, channels, scales and inputs are there in time and outputs are taken
    at once. Exact: the RTL takes as many.

    Parameters
    ----------
    group_cycles : (vectors, macros)
        Steps of each macro for each vector (``hw.macro.schedule.cycles``).
    last : (vectors,)
        Which vectors' rows are requantised; none by default.
    """
    steps = np.asarray(group_cycles, np.int64)
    vectors = len(steps)
    last = np.zeros(vectors, bool) if last is None else np.asarray(last, bool)
    input_depth, ahead, mark_depth = plan.input_depth, plan.results_ahead, plan.mark_depth
    stages = plan.stages(spec)
    beats = plan.groups(spec) * plan.macro.tokens
    fed = np.zeros((vectors, spec.macros), np.int64)  # a slice enters the feeder
    given = np.full(spec.macros, -1, np.int64)  # the last result leaves its macro
    ends = np.zeros(spec.macros, np.int64)  # its last step was one cycle earlier
    joined = np.zeros(vectors, np.int64)  # the results of all macros are taken together
    requantized: list[int] = []  # a vector's last group of columns enters the requantizer
    taken, left = -1, -1
    for v in range(vectors):
        taken += 1
        if v >= input_depth:
            taken = max(taken, int(fed[v - input_depth].max()) + 1)
        if v >= mark_depth:
            taken = max(taken, int(joined[v - mark_depth]) + 1)
        # A feeder is free in the cycle of its last step; steps wait while a result does.
        fed[v] = np.maximum(taken + 1, ends - 1)
        begin = np.maximum(fed[v] + 1, ends)
        ends = begin + steps[v] + np.maximum(0, given - np.maximum(begin, ends + stages))
        given = ends + stages
        if ahead and v >= ahead:
            # One register is refilled in the cycle in which it is emptied, a queue in the next.
            given = np.maximum(given, joined[v - ahead] + (ahead > 1))
        joined[v] = max(int(given.max()) + (ahead > 0), left)
        if ahead == 0:
            given = np.full_like(ends, joined[v])
        left = int(joined[v]) + 1
        if last[v]:
            if len(requantized) >= plan.row_depth:
                left = max(left, requantized[-plan.row_depth] + 1)
            start = max(left, requantized[-1] if requantized else 0) + 1
            requantized.append(start + beats - 1)
    if requantized:
        return requantized[-1] + Requantizer.STAGES + 1
    return int(joined[vectors - 1]) + 1
