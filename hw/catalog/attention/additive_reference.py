"""Stimulus and answers for the generated additive attention, from its definition.

As ``hw.catalog.core.reference``: exact integers, apart from ``golden``, to which a test holds
them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.operator_spec import AdditiveAttentionSpec
from hw.catalog.attention.key_walk import attended
from hw.catalog.core.reference import magnitudes, stack
from hw.catalog.rows.reference import interpolated, quantized
from hw.ops.additive_plan import AdditiveAttentionPlan
from hw.ops.key_comparison import ENERGY_BITS, INPUT_BITS
from hw.vectors import Beats

MOST_KEYS = 12
"""Of a job where ``key_block`` is not smaller."""

Numbers = dict[str, int]


def additive_beats(
    spec: AdditiveAttentionSpec, plan: AdditiveAttentionPlan, rng: np.random.Generator, count: int
) -> dict[str, Beats]:
    """Jobs of about ``count`` keys in all, with one set of energies."""
    streams: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("jobs", "queries", "keys", "values", "o")
    }
    energy = magnitudes(rng, ENERGY_BITS, True, (plan.width,))
    left = count
    while left > 0:
        keys = int(rng.integers(1, min(2 * spec.attention.key_block, MOST_KEYS), endpoint=True))
        left -= keys
        query = magnitudes(rng, INPUT_BITS, True, (plan.width,))
        key = magnitudes(rng, INPUT_BITS, True, (keys, plan.width))
        value = rng.integers(-127, 128, (keys, plan.depth)) >> int(rng.integers(5))
        seen = rng.random(keys) < rng.choice([0.0, 0.7, 1.0, 1.0])
        job = _draw(spec, energy, keys, rng)
        streams["jobs"].append(job)
        streams["queries"] += _cut(query, plan.lanes)
        for row, counts in zip(key, seen, strict=True):
            streams["keys"] += [beat | {"seen": int(counts)} for beat in _cut(row, plan.lanes)]
        for row in value:
            streams["values"] += _cut(row, plan.lanes)
        context = np.array(_context(spec, job, energy, query, key, value, seen))
        padded = np.pad(context, (0, -plan.depth % plan.lanes))
        streams["o"] += _cut(padded, plan.output_lanes)
    energies = [
        {"data": beat["data"], "beat": place} for place, beat in enumerate(_cut(energy, plan.lanes))
    ]
    beats = {name: stack(rows) for name, rows in (streams | {"energies": energies}).items()}
    loaded = np.full(len(streams["queries"]), len(energies))
    return beats | {"queries": Beats(fields=beats["queries"].fields, after={"energies": loaded})}


def _context(
    spec: AdditiveAttentionSpec,
    job: Numbers,
    energy: NDArray,
    query: NDArray,
    key: NDArray,
    value: NDArray,
    seen: NDArray,
) -> list[int]:
    """``softmax_t(energy . tanh(query + key_t)) V``, walking the keys block by block."""
    walk, comparison = spec.attention, spec.comparison
    limit = 1 << (INPUT_BITS - 1)
    codes, scale = [], (0, 0)
    for row in key:
        sums = [min(max(int(one), -limit), limit - 1) for one in query + row]
        comparisons = [interpolated(spec.tanh, one) for one in sums]
        one, scale = quantized(comparison, comparisons, comparison.static_scale or 1)
        codes.append(one)
    mantissa, exponent = scale
    scale = mantissa, exponent + job["score_offset"]
    return attended(walk, job, energy.tolist(), scale, codes, value.tolist(), seen.tolist())


def _draw(
    spec: AdditiveAttentionSpec, energy: NDArray, keys: int, rng: np.random.Generator
) -> Numbers:
    """Scores of 8 to 13 bits, contexts of 8 to 15."""
    numbers = spec.attention.requantize
    most = 1 << numbers.multiplier_bits
    scale = int(spec.comparison.code_limit * np.abs(energy).sum()).bit_length() + INPUT_BITS - 1
    shift = numbers.shift - numbers.multiplier_bits
    return {
        "keys": keys,
        "score_multiplier": int(rng.integers(most // 4, most)),
        "score_offset": shift + int(rng.integers(9, 15)) - scale,
        "context_multiplier": int(rng.integers(most // 4, most)),
        "context_offset": shift + int(rng.integers(1, 8)),
    }


def _cut(row: NDArray, lanes: int) -> list[dict[str, Any]]:
    """Beats of a row, filled up with zeros."""
    beats = np.pad(row, (0, -len(row) % lanes)).reshape(-1, lanes)
    return [{"data": beat, "last": place == len(beats) - 1} for place, beat in enumerate(beats)]
