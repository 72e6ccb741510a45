"""Stimulus and answers for the generated attention engine, from its definition.

As ``hw.catalog.core.reference``: exact integers, apart from ``golden``, to which a test holds
them.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from golden.operator_spec import AttentionSpec
from hw.catalog.attention.key_walk import attended
from hw.catalog.core.reference import stack
from hw.engine.plan import EnginePlan
from hw.vectors import Beats

Rows = list[list[int]]


@dataclass(frozen=True, kw_only=True)
class Head:
    """Operands and numbers of one job."""

    query: Rows
    key: Rows
    value: Rows
    scales: list[tuple[int, int]]
    mask: list[bool]
    numbers: dict[str, int]


def engine_beats(
    spec: AttentionSpec, plan: EnginePlan, rng: np.random.Generator, count: int
) -> dict[str, Beats]:
    """Jobs of about ``count`` queries in all."""
    streams: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("jobs", "queries", "keys_values", "o")
    }
    left = count
    while left > 0:
        queries = int(rng.integers(1, min(plan.rows, 12), endpoint=True))
        keys = int(rng.integers(1, 2 * spec.key_block, endpoint=True))
        left -= queries
        head = _draw(spec, plan, rng, queries, keys)
        size = len(head.key[0])
        counts = {"queries": queries, "keys": keys, "beats": size // plan.lanes}
        streams["jobs"].append({**counts, **head.numbers})
        bits = spec.requantize.mantissa_bits
        for row, (mantissa, exponent) in zip(head.query, head.scales, strict=True):
            raw = mantissa | (exponent % (1 << spec.requantize.exponent_bits)) << bits
            streams["queries"] += [_bytes(raw, plan.lanes), *_cut(row, plan.lanes)]
        for first in range(0, keys, spec.key_block):
            block = slice(first, first + spec.key_block)
            mask = sum(seen << place for place, seen in enumerate(head.mask[block]))
            streams["keys_values"].append(_bytes(mask, plan.lanes))
            for row in (*head.key[block], *head.value[block]):
                streams["keys_values"] += _cut(row, plan.lanes)
        for place, codes in enumerate(contexts(spec, head)):
            for at in range(0, size, plan.output_lanes):
                last = at + plan.output_lanes == size
                part = codes[at : at + plan.output_lanes]
                done = last and place == queries - 1
                streams["o"].append({"data": part, "last": last, "done": done})
    return {name: stack(rows) for name, rows in streams.items()}


def contexts(spec: AttentionSpec, head: Head) -> Rows:
    """The context of every query of a job, walking its keys block by block."""
    numbers = head.numbers
    spec = replace(spec, probability_bits=numbers["probability_bits"])
    results = []
    for n, (query, scale) in enumerate(zip(head.query, head.scales, strict=True)):
        last = numbers["position"] + n if numbers["causal"] else len(head.key)
        seen = [counts and t <= last for t, counts in enumerate(head.mask)]
        results.append(attended(spec, numbers, query, scale, head.key, head.value, seen))
    return results


def _draw(
    spec: AttentionSpec, plan: EnginePlan, rng: np.random.Generator, queries: int, keys: int
) -> Head:
    def codes(rows: int) -> Rows:
        return (rng.integers(-127, 128, (rows, size)) >> rng.integers(0, 5)).tolist()

    size = plan.lanes * int(rng.integers(1, plan.beats, endpoint=True))

    mask = rng.random(keys) < rng.choice([0.0, 0.7, 1.0, 1.0])
    bits = rng.integers(-10, -2, queries)
    return Head(
        query=codes(queries),
        key=codes(keys),
        value=codes(keys),
        scales=[
            (int(mantissa), int(spec.requantize.shift - 31 + bit))
            for mantissa, bit in zip(rng.integers(1 << 15, 1 << 16, queries), bits, strict=True)
        ],
        mask=mask.tolist(),
        numbers={
            "causal": int(rng.integers(2)),
            "position": int(rng.integers(-1, keys + 1)),
            "probability_bits": int(
                rng.integers(spec.score_fraction_bits, spec.probability_bits, endpoint=True)
            ),
            "score_multiplier": int(rng.integers(1 << 14, 1 << 16)),
            "context_multiplier": int(rng.integers(1 << 14, 1 << 16)),
            "context_offset": int(rng.integers(25, 36)),
        },
    )


def _cut(row: list[int], lanes: int) -> list[dict[str, Any]]:
    return [{"data": [x & 255 for x in row[at : at + lanes]]} for at in range(0, len(row), lanes)]


def _bytes(raw: int, lanes: int) -> dict[str, Any]:
    return {"data": list(raw.to_bytes(lanes, "little"))}
