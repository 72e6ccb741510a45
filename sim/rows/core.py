"""Row of the core: sums over tiles of K, requantised, with weights that load while it computes."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden import integer
from golden.spec import CoreSpec, MacroSpec, RequantizeSpec
from hw.core.core import Core
from hw.core.plan import CorePlan
from hw.macro.plan import PLANS, MacroPlan
from sim.row import Cycles, Operator, Point, Stimulus
from sim.stimulus import magnitudes, rows

SMALL = CoreSpec(
    macro=MacroSpec(lanes=4, columns=4, weight_sets=3),
    macros=2,
    rows=8,
    requantize=RequantizeSpec(accumulator_bits=24, shift=39),
)
"""Every feature of the default core: a set loads, one computes and one waits."""

Streams = dict[str, list[dict[str, Any]]]

_TILE_VECTORS = 6
_LONG_TILE = 30


def stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    """Tiles of a few vectors on random weight sets and rows, in step with nothing.

    The same row may follow at once, a set that was loaded before may be loaded in part, and channel
    numbers may come long before the vector that uses them.
    """
    spec, plan = point.spec, point.plan
    streams: Streams = defaultdict(list)
    loaded: set[int] = set()
    numbered: set[int] = set()
    waiting: set[int] = set()
    started: set[int] = set()
    while len(streams["i"]) < count:
        place = int(rng.integers(spec.macro.weight_sets))
        _load(streams["weights"], spec, plan, rng, place, place in loaded)
        loaded.add(place)
        finishes = bool(rng.random() < 0.6) or len(streams["i"]) + _TILE_VECTORS >= count
        if finishes and place not in waiting:
            _number(streams["channels"], spec, rng, place, place in numbered)
            numbered.add(place)
            waiting.add(place)
        # Now and then so many that the input, not the loads, is what the core waits for.
        vectors = int(rng.integers(1, _LONG_TILE if rng.random() < 0.2 else _TILE_VECTORS + 1))
        for k in range(vectors):
            last = finishes and (k == vectors - 1 or bool(rng.random() < 0.8))
            signed = spec.macro.input_sign == "signed"
            if spec.macro.input_sign == "either":
                signed = bool(rng.integers(2))
            row = plan.macro.tokens * int(rng.integers(spec.rows // plan.macro.tokens))
            streams["i"].append({
                "data": rows(rng, spec.macro.input_bits, plan.macro.tokens, spec.lanes, signed),
                "set": place,
                "signed": signed,
                "row": row,
                "first": row not in started or rng.random() < 0.4,
                "last": last,
                "release": k == vectors - 1,
            })
            started.add(row)
            if last:
                _scale(streams["scales"], spec, rng, plan.macro.tokens)
        if finishes:
            waiting.discard(place)
    inputs = {
        name: {field: np.array([beat[field] for beat in beats]) for field in beats[0]}
        for name, beats in streams.items()
        if beats
    }
    return Stimulus(inputs=inputs, outputs={"o": len(streams["scales"]) * plan.groups(spec)})


def golden(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, Any]:
    """``integer.requantize`` of the rows' sums: a function of the order in each stream alone.

    Vectors use the first load of their set until one with ``release``, then the second, and so on;
    channel numbers until one with ``release`` and ``last``.
    """
    spec, plan = point.spec, point.plan
    i, scales = stimulus.inputs["i"], stimulus.inputs["scales"]
    weights = _loads(stimulus.inputs["weights"], "lane", spec.lanes, ("data",))
    numbers = _loads(stimulus.inputs["channels"], "column", spec.columns, ("multiplier", "bias"))
    totals = np.zeros((spec.rows, spec.columns), np.int64)
    codes: list[NDArray[np.int64]] = []
    marks: list[int] = []
    for v, place in enumerate(i["set"]):
        here = slice(i["row"][v], i["row"][v] + plan.macro.tokens)
        (w,) = weights[place][0]
        totals[here] = integer.matmul(i["data"][v], w) + (0 if i["first"][v] else totals[here])
        if i["last"][v]:
            multiplier, bias = numbers[place][0]
            some = slice(len(marks), len(marks) + plan.macro.tokens)
            scale = integer.RowScale(scales["mantissa"][some], scales["exponent"][some])
            codes.extend(integer.requantize(spec.requantize, totals[here], multiplier, bias, scale))
            marks.extend(range(here.start, here.stop))
        if i["release"][v]:
            weights[place].pop(0)
            if i["last"][v]:
                numbers[place].pop(0)
    groups = plan.groups(spec)
    output = {
        "data": np.array(codes).reshape(-1, plan.lanes(spec)),
        "row": np.repeat(marks, groups),
        "last": np.tile(np.arange(groups) == groups - 1, len(marks)),
    }
    return {"o": output}


def _load(
    beats: list[dict[str, Any]],
    spec: CoreSpec,
    plan: CorePlan,
    rng: np.random.Generator,
    place: int,
    again: bool,
) -> None:
    lanes = np.arange(0, spec.lanes, plan.macro.weight_lanes)
    if again:
        lanes = rng.permutation(lanes)[: rng.integers(1, len(lanes), endpoint=True)]
    for lane in lanes:
        w = rows(
            rng,
            spec.macro.weight_bits,
            plan.macro.weight_lanes,
            spec.columns,
            spec.macro.weight_signed,
        )
        beats.append({"data": w, "lane": lane, "set": place, "last": lane == lanes[-1]})


def _number(
    beats: list[dict[str, Any]],
    spec: CoreSpec,
    rng: np.random.Generator,
    place: int,
    again: bool,
) -> None:
    numbers = spec.requantize
    columns = rng.permutation(spec.columns)
    if again:
        columns = columns[: rng.integers(1, len(columns), endpoint=True)]
    # A bias of all magnitudes up to a little more than the codes': a larger one saturates.
    bias_bits = min(numbers.bias_bits, numbers.output_bits + numbers.bias_fraction_bits + 1)
    multipliers = magnitudes(rng, numbers.multiplier_bits, len(columns), signed=False)
    biases = magnitudes(rng, bias_bits, len(columns))
    for column, multiplier, bias in zip(columns, multipliers, biases, strict=True):
        beat = {"multiplier": multiplier, "bias": bias, "column": column, "set": place}
        beats.append(beat | {"last": column == columns[-1]})


def _scale(
    beats: list[dict[str, Any]], spec: CoreSpec, rng: np.random.Generator, count: int
) -> None:
    """Scales that bring most large sums near the range of the codes, and others as they come."""
    numbers = spec.requantize
    bits = spec.macro.sum_bits + numbers.multiplier_bits + numbers.mantissa_bits - 8
    low, high = numbers.exponent_range
    near = numbers.shift + numbers.output_bits - bits + rng.integers(-4, 8, count)
    # Small sums, multipliers and mantissas need larger exponents; all at their largest, smaller.
    exponents = np.where(rng.random(count) < 0.5, near, rng.integers(low, high, count) + 1)
    mantissas = magnitudes(rng, numbers.mantissa_bits, count, signed=False)
    for mantissa, exponent in zip(mantissas, np.clip(exponents, low, high), strict=True):
        beats.append({"mantissa": mantissa, "exponent": exponent})


def _loads(
    beats: Mapping[str, NDArray[Any]], index: str, size: int, names: tuple[str, ...]
) -> dict[int, list[list[NDArray[np.int64]]]]:
    """Per set what it holds after each complete load: one array per name."""
    held: dict[tuple[int, str], NDArray[np.int64]] = {}
    complete = defaultdict(list)
    for k, place in enumerate(beats["set"]):
        for name in names:
            value = beats[name][k]
            whole = held.setdefault((place, name), np.zeros((size, *value.shape[1:]), np.int64))
            first = beats[index][k]
            whole[first : first + (len(value) if value.ndim else 1)] = value
        if beats["last"][k]:
            complete[place].append([held[place, name].copy() for name in names])
    return complete


def _points() -> dict[str, Point]:
    signed = replace(SMALL, macros=3, macro=replace(SMALL.macro, input_sign="signed"))
    unsigned = replace(
        SMALL,
        macros=1,
        rows=4,
        macro=MacroSpec(
            lanes=2,
            columns=2,
            weight_sets=1,
            input_bits=4,
            weight_bits=3,
            input_sign="unsigned",
            weight_signed=False,
        ),
    )
    two_lanes = replace(PLANS["fixed"], weight_lanes=2)
    return {
        "pairs": Point(spec=SMALL, plan=CorePlan(requantizer_lanes=2)),
        "tokens-2": Point(
            spec=SMALL, plan=CorePlan(macro=MacroPlan(tokens=2), requantizer_lanes=4), quick=False
        ),
        "skip-ahead": Point(
            spec=SMALL,
            plan=CorePlan(macro=PLANS["skip"], requantizer_lanes=1, result_depth=3, row_depth=3),
        ),
        "fixed-signed": Point(
            spec=signed,
            plan=CorePlan(macro=two_lanes, requantizer_lanes=2, input_depth=2),
            quick=False,
        ),
        "pipelined": Point(
            spec=SMALL,
            plan=CorePlan(macro=PLANS["fixed"], pipelined=True, requantizer_lanes=2),
            quick=False,
        ),
        "unsigned": Point(spec=unsigned, plan=CorePlan(requantizer_lanes=1), quick=False),
    }


CORE = Operator(
    golden=golden,
    component=lambda point: Core(point.spec, point.plan),
    points=_points(),
    stimulus=stimulus,
    count=60,
)
