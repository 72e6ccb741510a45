"""Row of the CIM macro: sums of products under weights that change while it computes."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden import integer
from golden.spec import MacroSpec
from hw.macro import schedule
from hw.macro.macro import Macro
from hw.macro.plan import PLANS, MacroPlan
from sim.row import Cycles, Operator, Point, Stimulus
from sim.stimulus import rows
from sim.traffic import Result

SMALL = MacroSpec(columns=2)
"""Everything of the default macro but its width: columns do not know of each other."""


def stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    """All weights in a random order, then vectors, with as many random weight beats meanwhile."""
    spec, plan = point.spec, point.plan
    groups = spec.lanes // plan.weight_lanes
    # A bitcell holds anything at first: no vector comes before each was written once.
    places = rng.permutation(groups * spec.weight_sets)
    places = np.concatenate([places, rng.integers(0, len(places), count)])
    width = plan.weight_lanes * spec.columns
    weights = rows(rng, spec.weight_bits, len(places), width, spec.weight_signed)
    signed = rng.integers(0, 2, count)
    if spec.input_sign != "either":
        signed = np.full(count, spec.input_sign == "signed", np.int64)
    vectors = np.where(
        np.repeat(signed, plan.tokens)[:, None],
        rows(rng, spec.input_bits, count * plan.tokens, spec.lanes, signed=True),
        rows(rng, spec.input_bits, count * plan.tokens, spec.lanes, signed=False),
    )
    inputs = {
        "i": {
            "data": vectors.reshape(count, plan.tokens, spec.lanes),
            "set": rng.integers(0, spec.weight_sets, count),
            "signed": signed,
        },
        "weights": {
            "data": weights.reshape(-1, plan.weight_lanes, spec.columns),
            "lane": places % groups * plan.weight_lanes,
            "set": places // groups,
        },
    }
    after = {"i": {"weights": groups * spec.weight_sets}}
    return Stimulus(inputs=inputs, outputs={"o": count}, after=after)


def golden(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, Any]:
    """``o[t][c] = sum(x[t][l] * w[set][l][c])`` with the weights that each vector sees.

    A vector sees every weight beat that was taken before it or with it.
    """
    spec, plan = point.spec, point.plan
    vectors, written = stimulus.inputs["i"], stimulus.inputs["weights"]
    seen = np.searchsorted(cycles["weights"], cycles["i"], side="right")
    held = np.zeros((spec.weight_sets, spec.lanes, spec.columns), np.int64)
    sums = np.zeros((len(seen), plan.tokens, spec.columns), np.int64)
    for k, (start, stop) in enumerate(pairwise((0, *seen))):
        for beat in range(start, stop):
            lane = written["lane"][beat]
            held[written["set"][beat], lane : lane + plan.weight_lanes] = written["data"][beat]
        sums[k] = integer.matmul(vectors["data"][k], held[vectors["set"][k]])
    return {"o": sums}


def timing(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
    """Vectors follow each other by their scheduled cycles; a result comes one cycle after them."""
    counts = _steps(point, stimulus)
    ends = cycles["i"][0] + np.cumsum(counts)
    return {"i": ends - counts, "o": ends + 1}


def handshake(point: Point, stimulus: Stimulus, result: Result) -> Cycles:
    """When vectors and weights are taken and results are offered, whatever the pauses.

    A vector's first step waits for the result before it to be taken, and its steps follow each
    other; the next vector is taken with its last step. A weight beat waits while the set that it
    writes is being computed with.
    """
    vectors, written = stimulus.inputs["i"], stimulus.inputs["weights"]
    taken, given = result.cycles["i"], result.cycles["o"]
    first = np.maximum(taken + 1, np.concatenate([[0], given[:-1]]))
    last = first + _steps(point, stimulus) - 1
    moved = np.maximum(result.offered["i"], np.concatenate([[0], last[:-1]]))
    places = []
    for cycle, place in zip(result.offered["weights"].tolist(), written["set"], strict=True):
        # The vector whose steps are not over yet.
        vector = int(np.searchsorted(last, cycle))
        while vector < len(last) and taken[vector] < cycle and vectors["set"][vector] == place:
            cycle = int(last[vector]) + 1
            vector += 1
        places.append(cycle)
    return {"i": moved, "weights": np.array(places, np.int64), "o": last + 1}


def _steps(point: Point, stimulus: Stimulus) -> NDArray[np.int64]:
    """Cycles of every vector's steps."""
    vectors = stimulus.inputs["i"]
    x = vectors["data"][:, 0] if point.plan.tokens == 1 else vectors["data"]
    return np.where(
        vectors["signed"],
        schedule.cycles(point.spec, point.plan, x, True),
        schedule.cycles(point.spec, point.plan, x, False),
    )


def _points() -> dict[str, Point]:
    points = {
        name: Point(spec=SMALL, plan=plan, quick=name in {"fixed", "spill-2", "pairs"})
        for name, plan in PLANS.items()
    }
    unsigned = replace(SMALL, input_sign="unsigned", weight_signed=False)
    signed = replace(SMALL, input_sign="signed")
    magnitude: dict[str, Any] = {"encoding": "sign_magnitude"}
    # Circuits that grow with the square of the lanes have their variants on fewer.
    short = replace(SMALL, lanes=4)
    wide = replace(SMALL, input_bits=16, weight_bits=16, lanes=4)
    narrow = replace(SMALL, input_bits=4, weight_bits=4)
    more = {
        "pairs-unsigned": Point(spec=unsigned, plan=PLANS["pairs"]),
        "pairs-signed": Point(spec=signed, plan=PLANS["pairs"], quick=False),
        "pairs-wide": Point(spec=wide, plan=PLANS["pairs"]),
        "pairs-narrow": Point(spec=narrow, plan=PLANS["pairs"], quick=False),
        "pairs-odd": Point(spec=replace(SMALL, lanes=5, weight_sets=3), plan=PLANS["pairs"]),
        "pairs-default": Point(spec=MacroSpec(), plan=PLANS["pairs"], quick=False),
        "fixed-wide": Point(spec=wide, plan=PLANS["fixed"], quick=False),
        "fixed-wide-inputs": Point(
            spec=replace(wide, weight_bits=8), plan=MacroPlan(bits_per_cycle=4), quick=False
        ),
        "fixed-lanes-2": Point(spec=signed, plan=replace(PLANS["fixed"], weight_lanes=2)),
        "fixed-single": Point(
            spec=replace(unsigned, lanes=1, weight_sets=1), plan=PLANS["parallel"], quick=False
        ),
        "fixed-tokens-2": Point(
            spec=SMALL, plan=MacroPlan(bits_per_cycle=2, tokens=2), quick=False
        ),
        "skip-magnitude": Point(spec=SMALL, plan=replace(PLANS["skip"], **magnitude)),
        "skip-2-pairs": Point(spec=SMALL, plan=MacroPlan(feeder="skip", bits_per_cycle=2)),
        "skip-4-unsigned": Point(
            spec=unsigned,
            plan=MacroPlan(feeder="skip", bits_per_cycle=4, products="plain", **magnitude),
            quick=False,
        ),
        "skip-narrow": Point(spec=narrow, plan=PLANS["skip"], quick=False),
        "ring-magnitude": Point(spec=signed, plan=replace(PLANS["ring"], **magnitude), quick=False),
        "ring-odd": Point(spec=replace(SMALL, lanes=3), plan=PLANS["ring"]),
        "ring-unsigned": Point(spec=unsigned, plan=PLANS["ring"], quick=False),
        "spill-plain": Point(
            spec=short, plan=replace(PLANS["spill-2"], encoding="twos_complement"), quick=False
        ),
        "spill-unsigned": Point(
            spec=replace(unsigned, lanes=4), plan=PLANS["spill-1"], quick=False
        ),
        "spill-digits-2": Point(
            spec=short, plan=replace(PLANS["spill-2"], bits_per_cycle=2), quick=False
        ),
        "spill-digits-4": Point(
            spec=replace(SMALL, lanes=5),
            plan=replace(PLANS["spill-1"], bits_per_cycle=4),
            quick=False,
        ),
    }
    return points | more


MACRO = Operator(
    golden=golden,
    component=lambda point: Macro(point.spec, point.plan),
    points=_points(),
    stimulus=stimulus,
    timing=timing,
    handshake=handshake,
    count=100,
)
