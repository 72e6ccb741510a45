"""Rows of the max-finder and of the softmax."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.configs import SOFTMAXES
from golden.integer import Integers, integer_range
from golden.operator_spec import SoftmaxSpec
from golden.ops.softmax import softmax
from golden.ops.softmax_divider import softmax_divider
from hw.ops.max_finder import MaxFinder
from hw.ops.max_microcode import microcode
from hw.ops.max_steps import MaxSteps
from hw.ops.plan import MaxFinderPlan, MaxStepsPlan, SoftmaxPlan
from hw.ops.softmax import Softmax
from hw.ops.softmax_divider import SoftmaxDivider
from sim.row import Cycles, Operator, Point, Stimulus
from sim.stimulus import magnitudes

Rows = list[tuple[NDArray[np.int64], NDArray[np.bool_]]]


def score_rows(rng: np.random.Generator, bits: int, count: int, longest: int) -> Rows:
    """About ``count`` scores in rows of every length, with the masks that go with them.

    Scores spread over a few powers of two around any, or over all magnitudes; some rows are all
    equal, one hot, all least, or see nothing; one has the greatest length.
    """
    rows: Rows = []
    total = 0
    low, high = integer_range(bits)
    while total < count or len(rows) < 12:
        kind = len(rows) % 12
        length = (
            longest
            if kind == 5
            else int(rng.integers(1, longest >> rng.integers(0, 4), endpoint=True))
        )
        spread = 1 << int(rng.integers(1, bits - 1))
        near = rng.normal(rng.integers(low, high), spread / 4, length)
        x = np.clip(near, low, high).astype(np.int64)
        seen = rng.random(length) < rng.choice([0.5, 0.9, 1.0])
        if kind == 0:
            x = magnitudes(rng, bits, length)
        elif kind == 1:
            x[:] = x[0]
        elif kind == 2:
            x = np.where(np.arange(length) == rng.integers(length), high, low)
        elif kind == 3:
            x[:], seen[:] = low, True
        elif kind == 4:
            seen[:] = False
        elif kind == 6:
            x, seen = x[:1], np.ones(1, bool)
        rows.append((x, seen))
        total += length
    return rows


def beats_of(rows: Rows, lanes: int) -> dict[str, NDArray]:
    """Rows as beats, the last one of each filled with elements that are not seen."""
    beats: dict[str, list[NDArray]] = {"data": [], "seen": [], "last": []}
    for x, seen in rows:
        count = -(-len(x) // lanes)
        beats["data"].append(np.pad(x, (0, count * lanes - len(x))).reshape(count, lanes))
        mask = np.pad(seen, (0, count * lanes - len(x))).reshape(count, lanes)
        beats["seen"].append((mask.astype(np.int64) << np.arange(lanes)).sum(axis=1))
        beats["last"].append(np.arange(count) == count - 1)
    return {name: np.concatenate(parts) for name, parts in beats.items()}


def rows_of(fields: Mapping[str, NDArray], lanes: int) -> Rows:
    """The rows that ``beats_of`` cut, with what fills the last beat of each."""
    ends = np.flatnonzero(fields["last"]) + 1
    seen = (fields["seen"][:, None] >> np.arange(lanes) & 1).astype(bool)
    return [
        (data.reshape(-1), mask.reshape(-1))
        for data, mask in zip(
            np.split(fields["data"], ends[:-1]), np.split(seen, ends[:-1]), strict=True
        )
    ]


def largest_of(rows: Rows, bits: int) -> dict[str, NDArray]:
    """What the max-finder says of each row."""
    low = -(1 << (bits - 1))
    candidates = [np.where(seen, x, low - 1) for x, seen in rows]
    found = np.array([seen.any() for _, seen in rows])
    return {
        "value": np.where(found, [c.max() for c in candidates], low),
        "index": np.where(found, [c.argmax() for c in candidates], 0),
        "any": found,
    }


INDEX_BITS = {MaxFinderPlan: 8, MaxStepsPlan: 6}


def _max_stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    # Steps take twenty cycles an element: fewer of them tell as much.
    count //= 4 if isinstance(point.plan, MaxStepsPlan) else 1
    rows = score_rows(rng, point.spec, count, 1 << INDEX_BITS[type(point.plan)])
    beats = beats_of(rows, point.plan.lanes)
    return Stimulus(inputs={"i": beats}, outputs={"o": len(rows)})


def _max_golden(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, Any]:
    return {"o": largest_of(rows_of(stimulus.inputs["i"], point.plan.lanes), point.spec)}


def _max_timing(
    point: Point, stimulus: Stimulus, cycles: Cycles
) -> Mapping[str, NDArray[np.int64]]:
    """One beat a cycle; a result after its row's last beat."""
    fields = stimulus.inputs["i"]
    if isinstance(point.plan, MaxStepsPlan):
        return _steps_timing(point, fields, cycles)
    taken = cycles["i"][0] + np.arange(len(fields["last"]))
    latency = point.plan.stages + 1
    return {"i": taken, "o": taken[np.flatnonzero(fields["last"])] + latency}


def _steps_timing(
    point: Point, fields: Mapping[str, NDArray], cycles: Cycles
) -> Mapping[str, NDArray[np.int64]]:
    """An element that is seen takes a cycle for each step and one more."""
    busy = microcode(point.spec).cycles
    ends = cycles["i"][0] + np.cumsum(np.where(fields["seen"] & 1, busy, 1))
    taken = np.append(cycles["i"][0], ends[:-1])
    return {"i": taken, "o": ends[np.flatnonzero(fields["last"])]}


def _max_component(point: Point) -> MaxFinder | MaxSteps:
    index_bits = INDEX_BITS[type(point.plan)]
    if isinstance(point.plan, MaxStepsPlan):
        return MaxSteps(point.spec, index_bits)
    return MaxFinder(point.spec, point.plan, index_bits)


MAX_FINDER = Operator(
    golden=_max_golden,
    component=_max_component,
    points={
        "default": Point(spec=16, plan=MaxFinderPlan()),
        "radix-4": Point(spec=8, plan=MaxFinderPlan(radix=4, levels_per_stage=1), quick=False),
        "three": Point(spec=16, plan=MaxFinderPlan(lanes=3), quick=False),
        "one": Point(spec=5, plan=MaxFinderPlan(lanes=1), quick=False),
        "steps": Point(spec=8, plan=MaxStepsPlan()),
        "steps-16": Point(spec=16, plan=MaxStepsPlan(), quick=False),
    },
    stimulus=_max_stimulus,
    timing=_max_timing,
    count=1500,
)


def _softmax_stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    rows = score_rows(rng, point.spec.score_bits, count, point.plan.longest)
    beats = beats_of(rows, point.plan.lanes)
    groups = point.plan.output_groups
    counts = np.diff(np.flatnonzero(np.append(True, beats["last"])))
    outputs = {"o": int((-(-counts // groups)).sum()), "largest": len(rows)}
    return Stimulus(inputs={"i": beats}, outputs=outputs)


def _answers(
    function: Callable[..., Integers], point: Point, stimulus: Stimulus
) -> Mapping[str, Any]:
    rows = rows_of(stimulus.inputs["i"], point.plan.lanes)
    wide = point.plan.output_lanes
    codes = []
    for x, seen in rows:
        p = function(point.spec, x, seen)
        codes.append(np.pad(p, (0, -len(p) % wide)).reshape(-1, wide))
    last = [np.arange(len(part)) == len(part) - 1 for part in codes]
    return {
        "o": {"data": np.concatenate(codes), "last": np.concatenate(last)},
        "largest": largest_of(rows, point.spec.score_bits),
    }


SOFTMAX = Operator(
    golden=lambda point, stimulus, cycles: _answers(softmax, point, stimulus),
    component=lambda point: Softmax(point.spec, point.plan),
    points={
        "default": Point(spec=SoftmaxSpec(), plan=SoftmaxPlan()),
        "wide-codes": Point(
            spec=SOFTMAXES["12bit"],
            plan=SoftmaxPlan(max_finder=MaxFinderPlan(lanes=4), longest=64),
            quick=False,
        ),
        "groups": Point(
            spec=SoftmaxSpec(score_bits=8, score_fraction_bits=5, guard_bits=4),
            plan=SoftmaxPlan(max_finder=MaxFinderPlan(lanes=2), output_groups=4, longest=50),
            quick=False,
        ),
        "small": Point(
            spec=SOFTMAXES["tiny"],
            plan=SoftmaxPlan(max_finder=MaxFinderPlan(lanes=4), output_groups=2, longest=32),
            quick=False,
        ),
        "one": Point(
            spec=SoftmaxSpec(),
            plan=SoftmaxPlan(max_finder=MaxFinderPlan(lanes=1), longest=20),
            quick=False,
        ),
    },
    stimulus=_softmax_stimulus,
    count=1500,
)

SOFTMAX_DIVIDER = Operator(
    golden=lambda point, stimulus, cycles: _answers(softmax_divider, point, stimulus),
    component=lambda point: SoftmaxDivider(point.spec, point.plan),
    points={
        **{name: SOFTMAX.point(name) for name in ("default", "groups")},
        # Rows so short that the divider sees many sums.
        "small": Point(
            spec=SOFTMAXES["tiny"],
            plan=SoftmaxPlan(max_finder=MaxFinderPlan(lanes=4), output_groups=2, longest=8),
            quick=False,
        ),
    },
    stimulus=_softmax_stimulus,
    count=500,
)
