"""Stimulus and answers for the generated blocks, from their definitions in exact integers.

Deliberately apart from ``golden``, which hardware may not read: tests hold the two to each other.
"""

from fractions import Fraction
from math import floor

import numpy as np
from numpy.typing import NDArray

from golden.spec import CoreSpec, MacroSpec, RequantizeSpec
from hw.core.plan import CorePlan
from hw.macro.plan import MacroPlan
from hw.vectors import Beats

ZERO_SHARE = 0.3
REWRITE_SHARE = 0.4
TILE_VECTORS = 6


def macro_beats(
    spec: MacroSpec, plan: MacroPlan, rng: np.random.Generator, count: int
) -> dict[str, Beats]:
    """``count`` beats of input vectors, some weights rewritten between them.

    A vector waits for the last weights of its set, and weights for the last vector before them
    that uses their set; nothing else is ordered, so weights are written while others compute.
    """
    weights = np.zeros((spec.weight_sets, spec.lanes, spec.columns), np.int64)
    loads: list[tuple[NDArray, int, int, int]] = []
    vectors: list[tuple[NDArray, int, bool, int]] = []
    loaded, used = [0] * spec.weight_sets, [0] * spec.weight_sets

    def load(weight_set: int, lane: int) -> None:
        group = slice(lane, lane + plan.weight_lanes)
        shape = (plan.weight_lanes, spec.columns)
        weights[weight_set, group] = magnitudes(rng, spec.weight_bits, spec.weight_signed, shape)
        loads.append((weights[weight_set, group].copy(), lane, weight_set, used[weight_set]))
        loaded[weight_set] = len(loads)

    starts = range(0, spec.lanes, plan.weight_lanes)
    for weight_set in range(spec.weight_sets):
        for lane in rng.permutation(starts):
            load(weight_set, int(lane))
    sums = np.zeros((count, plan.tokens, spec.columns), np.int64)
    for index in range(count):
        if rng.random() < REWRITE_SHARE:
            load(int(rng.integers(spec.weight_sets)), int(rng.choice(starts)))
        signed = _draw_sign(rng, spec)
        x = _inputs(rng, spec, signed, (plan.tokens, spec.lanes))
        weight_set = int(rng.integers(spec.weight_sets))
        sums[index] = x @ weights[weight_set]
        vectors.append((x, weight_set, signed, loaded[weight_set]))
        used[weight_set] = index + 1

    data, sets, signs, after_weights = (np.array(each) for each in zip(*vectors, strict=True))
    fields = {"data": data, "set": sets, "signed": signs}
    rows, lanes, written, after_inputs = (np.array(each) for each in zip(*loads, strict=True))
    return {
        "i": Beats(fields=fields, after={"weights": after_weights}),
        "weights": Beats(
            fields={"data": rows, "lane": lanes, "set": written}, after={"i": after_inputs}
        ),
        "o": Beats(fields={"data": sums}),
    }


def core_beats(
    spec: CoreSpec, plan: CorePlan, rng: np.random.Generator, count: int
) -> dict[str, Beats]:
    """About ``count`` vectors on random sets and rows, in tiles of which half are requantised.

    Nothing is ordered from outside: the core itself holds back what comes too early.
    """
    macro, numbers, tokens = spec.macro, spec.requantize, plan.macro.tokens
    streams: dict[str, list[dict[str, object]]] = {
        name: [] for name in ("i", "weights", "channels", "scales", "o")
    }
    totals = np.zeros((spec.rows, spec.columns), np.int64)
    started = np.zeros(spec.rows, bool)
    channels: dict[int, tuple[NDArray, NDArray]] = {}
    while len(streams["i"]) < count or not streams["o"]:
        weight_set = int(rng.integers(macro.weight_sets))
        shape = (spec.lanes, spec.columns)
        w = magnitudes(rng, macro.weight_bits, macro.weight_signed, shape)
        for lane in range(0, spec.lanes, plan.macro.weight_lanes):
            end = lane + plan.macro.weight_lanes
            beat = {"data": w[lane:end], "lane": lane, "set": weight_set, "last": end == spec.lanes}
            streams["weights"].append(beat)
        finishes = bool(rng.random() < 0.5)
        if finishes and weight_set not in channels:
            channels[weight_set] = _channels(rng, numbers, spec.columns)
            for place, column in enumerate(order := rng.permutation(spec.columns)):
                multiplier, bias = (each[column] for each in channels[weight_set])
                last = place == len(order) - 1
                beat = {"multiplier": multiplier, "bias": bias, "column": column}
                streams["channels"].append(beat | {"set": weight_set, "last": last})
        signed = _draw_sign(rng, macro)
        length = int(rng.integers(1, TILE_VECTORS + 1))
        for index in range(length):
            x = _inputs(rng, macro, signed, (tokens, spec.lanes))
            row = int(rng.integers(spec.rows // tokens)) * tokens
            rows = slice(row, row + tokens)
            first = bool(rng.random() < 0.4 or not started[row])
            last, release = bool(finishes and rng.random() < 0.8), index == length - 1
            started[row] = True
            totals[rows] = x @ w + (0 if first else totals[rows])
            beat = {"data": x, "set": weight_set, "signed": signed, "row": row}
            streams["i"].append(beat | {"first": first, "last": last, "release": release})
            for token in range(tokens if last else 0):
                multipliers, biases = channels[weight_set]
                total = totals[row + token]
                mantissa, exponent = _row_scale(rng, numbers, total, multipliers)
                streams["scales"].append({"mantissa": mantissa, "exponent": exponent})
                codes = np.array([
                    requantized(numbers, *each, mantissa, exponent)
                    for each in zip(total, multipliers, biases, strict=True)
                ]).reshape(-1, plan.lanes(spec))
                for place, group in enumerate(codes):
                    last_group = place == len(codes) - 1
                    streams["o"].append({"data": group, "row": row + token, "last": last_group})
            if release and last:
                del channels[weight_set]
    return {name: stack(rows) for name, rows in streams.items()}


def requantizer_beats(
    spec: RequantizeSpec, lanes: int, tag_bits: int, rng: np.random.Generator, count: int
) -> dict[str, Beats]:
    """``count`` groups of accumulators of every magnitude, with scales that bring them in range."""
    operands, results = [], []
    for _ in range(count):
        accumulators = magnitudes(rng, spec.accumulator_bits, True, (lanes,))
        multipliers, biases = _channels(rng, spec, lanes)
        mantissa, exponent = _row_scale(rng, spec, accumulators, multipliers)
        tag = int(rng.integers(1 << tag_bits))
        operands.append({
            "accumulator": accumulators,
            "multiplier": multipliers,
            "bias": biases,
            "mantissa": mantissa,
            "exponent": exponent,
            "tag": tag,
        })
        codes = [
            requantized(spec, *each, mantissa, exponent)
            for each in zip(accumulators, multipliers, biases, strict=True)
        ]
        results.append({"data": np.array(codes), "tag": tag})
    return {"i": stack(operands), "o": stack(results)}


def requantized(
    spec: RequantizeSpec, accumulator: int, multiplier: int, bias: int, mantissa: int, exponent: int
) -> int:
    """Return the code by the formula of ``RequantizeSpec``, in fractions."""
    product = int(accumulator) * int(multiplier) * int(mantissa)
    value = product * Fraction(2) ** (int(exponent) - spec.shift)
    value += Fraction(int(bias), 1 << spec.bias_fraction_bits)
    limit = 1 << (spec.output_bits - 1)
    return min(max(floor(value + Fraction(1, 2)), -limit), limit - 1)


def magnitudes(
    rng: np.random.Generator, bits: int, signed: bool, shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Integers of every magnitude: uniform ones would hide what happens near zero."""
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return rng.integers(low, high, shape, endpoint=True) >> rng.integers(0, bits, shape)


def _inputs(
    rng: np.random.Generator, spec: MacroSpec, signed: bool, shape: tuple[int, ...]
) -> NDArray[np.int64]:
    x = magnitudes(rng, spec.input_bits, signed, shape)
    x[rng.random(shape) < ZERO_SHARE] = 0
    return x


def _draw_sign(rng: np.random.Generator, spec: MacroSpec) -> bool:
    return {"signed": True, "unsigned": False}.get(spec.input_sign, bool(rng.random() < 0.5))


def _channels(
    rng: np.random.Generator, spec: RequantizeSpec, count: int
) -> tuple[NDArray, NDArray]:
    """Multipliers and biases; most biases as large as the codes, some as large as they may be."""
    multipliers = magnitudes(rng, spec.multiplier_bits, False, (count,))
    usual = min(spec.output_bits + spec.bias_fraction_bits, spec.bias_bits)
    biases = magnitudes(rng, usual, True, (count,))
    extreme = magnitudes(rng, spec.bias_bits, True, (count,))
    return multipliers, np.where(rng.random(count) < 0.1, extreme, biases)


def _row_scale(
    rng: np.random.Generator, spec: RequantizeSpec, accumulators: NDArray, multipliers: NDArray
) -> tuple[int, int]:
    """Mantissa and exponent that bring the largest product near the range of the codes."""
    half = 1 << (spec.mantissa_bits - 1)
    mantissa = int(rng.integers(half, 2 * half))
    largest = max(abs(int(a)) * int(m) for a, m in zip(accumulators, multipliers, strict=True))
    above = spec.output_bits + spec.shift - (largest * mantissa).bit_length()
    low, high = spec.exponent_range
    return mantissa, min(max(above + 1 - int(rng.integers(4)), low), high)


def stack(rows: list[dict[str, object]]) -> Beats:
    """Beats of one stream from the fields of each."""
    return Beats(fields={name: np.array([row[name] for row in rows]) for name in rows[0]})
