"""Stimulus and answers for the generated state updates, from their definitions."""

from fractions import Fraction
from math import floor

import numpy as np

from golden.operator_spec import RecurrentSpec
from hw.catalog.core.reference import magnitudes
from hw.catalog.rows.reference import HALF, interpolated
from hw.ops.plan import LanesPlan
from hw.ops.state_lane import BITS, ONE_BITS, Cell, gate_count
from hw.ops.state_update import has_two_passes
from hw.vectors import Beats


def state_beats(
    cell: Cell, spec: RecurrentSpec, plan: LanesPlan, rng: np.random.Generator, count: int
) -> dict[str, Beats]:
    """``count`` beats; of a GRU in two passes every second one is of the second."""
    shape = (count, plan.lanes)
    gates, products = magnitudes(rng, BITS, True, (2, *shape, gate_count(spec, cell)))
    state = magnitudes(rng, BITS, True, shape)
    update = np.abs(magnitudes(rng, BITS, True, shape)).clip(0, (1 << ONE_BITS) - 1)
    candidate = np.arange(count) % 2
    two_passes = has_two_passes(spec, cell)
    new, other = np.zeros((2, *shape), np.int64)
    for beat, lane in np.ndindex(shape):
        here = [[int(one) for one in each[beat, lane]] for each in (gates, products)]
        old, z = int(state[beat, lane]), int(update[beat, lane])
        if two_passes:
            sums = [_saturated(g + p) for g, p in zip(*here, strict=True)]
            result = _two_passes(spec, sums, old, z, bool(candidate[beat]))
        else:
            result = _one_pass(cell, spec, here[0], here[1], old)
        new[beat, lane], other[beat, lane] = result
    last = {"last": np.ones(count, int)}
    i = {"gates": gates, "products": products} | ({} if cell == "rnn" else {"state": state})
    i |= {"update": update, "candidate": candidate} if two_passes else {}
    o = {"new": new} | ({"other": other} if two_passes or cell == "lstm" else {})
    return {"i": Beats(fields=i | last), "o": Beats(fields=o | last)}


def _one_pass(
    cell: Cell, spec: RecurrentSpec, gates: list[int], products: list[int], state: int
) -> tuple[int, int]:
    sums = [_saturated(g + p) for g, p in zip(gates, products, strict=True)]
    one = 1 << ONE_BITS
    if cell == "rnn":
        return interpolated(spec.tanh, sums[0]), 0
    if cell == "gru":
        r, z = (interpolated(spec.sigmoid, x) for x in sums[:2])
        recurrent = floor(Fraction(products[2] * r, one) + HALF)
        fresh = interpolated(spec.tanh, _saturated(gates[2] + recurrent))
        return floor(Fraction(z * state + (one - z) * fresh, one) + HALF), 0
    i, f, o = (interpolated(spec.sigmoid, x) for x in sums[:3])
    unit = 1 << spec.cell_fraction_bits
    fresh = interpolated(spec.tanh, sums[3])
    c = _saturated(floor(Fraction(f * state, one) + Fraction(i * fresh * unit, one**2) + HALF))
    return floor(Fraction(interpolated(spec.cell_tanh, c) * o, one) + HALF), c


def _two_passes(
    spec: RecurrentSpec, sums: list[int], state: int, update: int, candidate: bool
) -> tuple[int, int]:
    one = 1 << ONE_BITS
    if candidate:
        fresh = interpolated(spec.tanh, sums[0])
        return floor(Fraction(update * state + (one - update) * fresh, one) + HALF), update
    r, z = (interpolated(spec.sigmoid, x) for x in sums)
    return floor(Fraction(r * state, one) + HALF), z


def _saturated(x: int) -> int:
    return min(max(x, -(1 << (BITS - 1))), (1 << (BITS - 1)) - 1)
