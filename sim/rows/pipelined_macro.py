"""Row of the pipelined macro: the macro's own stimulus and golden, and its stages' timing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.spec import MacroSpec
from hw.macro.pipelined import PipelinedMacro, PipelinedPlan
from hw.macro.plan import MacroPlan
from hw.macro.step import digit_count
from sim.row import Cycles, Operator, Point, Stimulus
from sim.rows import macro
from sim.traffic import Result


def _inner(point: Point) -> Point:
    """The same point of the macro that is not pipelined."""
    return Point(spec=point.spec, plan=point.plan.macro)


def stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    """As the macro's."""
    return macro.stimulus(_inner(point), rng, count)


def golden(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, Any]:
    """As the macro's."""
    return macro.golden(_inner(point), stimulus, cycles)


def timing(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
    """As the macro's, each result the stages later."""
    times = macro.timing(_inner(point), stimulus, cycles)
    return {"i": times["i"], "o": times["o"] + point.plan.stages(point.spec)}


def handshake(point: Point, stimulus: Stimulus, result: Result) -> Cycles:
    """When vectors and weights are taken and results are offered, whatever the pauses.

    All stages wait in a cycle in which a result is offered and not taken; a weight beat waits while
    the set that it writes is being computed with. Walked cycle by cycle.
    """
    steps = digit_count(point.spec, point.plan.macro)
    sets = stimulus.inputs["i"]["set"].tolist()
    written = stimulus.inputs["weights"]["set"].tolist()
    offered = {name: times.tolist() for name, times in result.offered.items()}
    given = result.cycles["o"].tolist()
    pipe = [False] * point.plan.stages(point.spec)
    moved: dict[str, list[int]] = {"i": [], "weights": [], "o": []}
    left, waiting, cycle = 0, False, 0
    while any(len(moved[name]) < len(times) for name, times in result.offered.items()):
        moves = not waiting or given[len(moved["o"]) - 1] <= cycle
        beat, vector = len(moved["weights"]), len(moved["i"])
        comes = beat < len(written) and offered["weights"][beat] <= cycle
        if comes and not (left and sets[vector - 1] == written[beat]):
            moved["weights"].append(cycle)
        ready = not left or (moves and left == 1)
        taken = vector < len(sets) and offered["i"][vector] <= cycle and ready
        if moves:
            pipe = [left == 1, *pipe]
            waiting = pipe.pop()
            if waiting:
                moved["o"].append(cycle + 1)
            left = max(left - 1, 0)
        if taken:
            moved["i"].append(cycle)
            left = steps
        cycle += 1
    return {name: np.array(times, np.int64) for name, times in moved.items()}


SERIAL = MacroPlan(bits_per_cycle=1, products="plain")

PIPELINED_MACRO = Operator(
    golden=golden,
    component=lambda point: PipelinedMacro(point.spec, point.plan),
    points={
        "planes": Point(spec=macro.SMALL, plan=PipelinedPlan()),
        "multipliers": Point(spec=macro.SMALL, plan=PipelinedPlan(products="multipliers")),
        "serial": Point(spec=macro.SMALL, plan=PipelinedPlan(macro=SERIAL)),
        "halves": Point(
            spec=replace(macro.SMALL, input_sign="signed"),
            plan=PipelinedPlan(macro=replace(SERIAL, bits_per_cycle=4)),
            quick=False,
        ),
        "odd": Point(
            spec=replace(macro.SMALL, lanes=5, weight_sets=3, input_bits=7, weight_bits=5),
            plan=PipelinedPlan(macro=replace(SERIAL, bits_per_cycle=2)),
            quick=False,
        ),
        "odd-multipliers": Point(
            spec=replace(macro.SMALL, lanes=3, input_bits=7, weight_bits=5, weight_signed=False),
            plan=PipelinedPlan(macro=replace(SERIAL, bits_per_cycle=4), products="multipliers"),
            quick=False,
        ),
        "unsigned": Point(
            spec=MacroSpec(lanes=1, columns=2, input_sign="unsigned", weight_signed=False),
            plan=PipelinedPlan(macro=SERIAL),
            quick=False,
        ),
    },
    stimulus=stimulus,
    timing=timing,
    handshake=handshake,
)
