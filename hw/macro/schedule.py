"""Cycles that a macro takes for one group of inputs, as a formula: what the RTL is held to."""

import numpy as np
from numpy.typing import NDArray

from golden.spec import MacroSpec
from hw.macro.plan import MacroPlan
from hw.macro.step import digit_count

Counts = NDArray[np.int64]


def cycles(spec: MacroSpec, plan: MacroPlan, x: NDArray, signed: bool) -> Counts:
    """Cycles per group of inputs ``x`` (..., lanes), or (..., tokens, lanes) for several tokens.

    fixed: ``ceil(bits / b)``. skip: ``ceil(longest / b)``. ring: the least T for which every lane's
    bits fit in its own and its right neighbour's T slots. spill: the least T for which the nonzero
    digits at T and above are at most ``helpers * T``. At least one cycle each.
    """
    digits = digit_count(spec, plan)
    if plan.feeder == "fixed":
        lead = x.shape[: -1 if plan.tokens == 1 else -2]
        return np.full(lead, digits, np.int64)
    x = np.asarray(x, np.int64)
    if plan.feeder == "spill":
        return _spill(plan, x, signed, digits)
    length = input_length(plan, x, signed)
    if plan.feeder == "skip":
        return np.maximum(-(-length.max(axis=-1) // plan.bits_per_cycle), 1)
    return _ring(length, spec.input_bits)


def input_length(plan: MacroPlan, x: NDArray, signed: bool) -> Counts:
    """Effective bitwidth by the plan's encoding; an unsigned input needs no sign bit."""
    if not signed or plan.encoding == "sign_magnitude":
        return bit_length(np.abs(x))
    return np.where(x == 0, 0, bit_length(np.where(x < 0, ~x, x)) + 1)


def bit_length(x: NDArray) -> Counts:
    """Bits of a non-negative integer without its leading zeros."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)


def _ring(length: Counts, bits: int) -> Counts:
    """Least T such that, going round the ring, no lane owes its neighbour more than T bits."""
    lanes = length.shape[-1]
    result = np.full(length.shape[:-1], bits, np.int64)
    for slots in range(bits - 1, 0, -1):
        owed = np.zeros(length.shape[:-1], np.int64)
        fits = length.sum(axis=-1) <= lanes * slots
        # Two laps: after the first the debt that enters lane 0 is the one of the steady state.
        for lane in [*range(lanes), *range(lanes)]:
            owed = np.maximum(owed + length[..., lane] - slots, 0)
            fits &= owed <= slots
        result = np.where(fits, slots, result)
    return np.maximum(result, 1)


def _spill(plan: MacroPlan, x: NDArray, signed: bool, digits: int) -> Counts:
    """Least T such that the helpers can take what the ordinary lanes leave."""
    result = np.full(x.shape[:-1], digits, np.int64)
    for slots in range(digits - 1, 0, -1):
        low = slots * plan.bits_per_cycle
        if signed and plan.encoding == "twos_complement":
            high = np.abs((x + (1 << (low - 1))) >> low)
        else:
            high = np.abs(x) >> low
        spilled = sum(
            ((high >> (digit * plan.bits_per_cycle)) & ((1 << plan.bits_per_cycle) - 1) != 0)
            for digit in range(digits)
        ).sum(axis=-1)
        result = np.where(spilled <= plan.helpers * slots, slots, result)
    return result
