"""Row of the attention engine: jobs of one head each, against golden's walk over the keys."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.integer import RowScale, matmul
from golden.operator_spec import AttentionSpec
from hw.engine.engine import Engine
from hw.engine.plan import EnginePlan
from sim.attention.jobs import NUMBERS, Job, context, operand_fields, result_fields
from sim.row import Cycles, Operator, Point, Stimulus


def draw_job(
    spec: AttentionSpec, plan: EnginePlan, rng: np.random.Generator, queries: int, keys: int
) -> Job:
    """Codes whose scores spread over a few powers of two; some rows all alike, or nothing seen."""
    d = plan.lanes * int(rng.integers(1, plan.beats, endpoint=True))
    probability_bits = int(
        rng.integers(spec.score_fraction_bits, spec.probability_bits, endpoint=True)
    )
    kind = int(rng.integers(8))
    query = rng.integers(-127, 128, (queries, d)) >> rng.integers(0, 7, (queries, 1))
    key = rng.integers(-127, 128, (keys, d)) >> rng.integers(0, 7, (keys, 1))
    if kind == 0:
        key[:] = key[0]
    if kind == 1:
        query[:], key[:] = 127, -127
    if kind == 3:
        # Small products with large scales: the last bits of both decide.
        query, key = query >> 5, key >> 5
    if kind == 4:
        # Keys that differ little: every probability is near the largest.
        key = np.clip(key[:1] + rng.integers(-2, 3, (keys, d)), -127, 127)
    value = rng.integers(-127, 128, (keys, d)) >> rng.integers(0, 7, (1, d))
    share = rng.choice([1.0, 0.8, 0.3])
    mask = rng.random(keys) < share if kind != 2 else np.zeros(keys, bool)
    causal = bool(rng.integers(2))
    # Scales that make the largest score of a row a few thousand integers, or anything.
    multiplier, context_multiplier = (int(x) for x in _multipliers(rng))
    largest = np.maximum(np.abs(matmul(query, key.T)).max(axis=1), 1)
    mantissa = rng.integers(1 << 15, 1 << 16, queries)
    low, high = ((8, 15.5), (2, 19), (14, 17))[rng.integers(3)]
    wanted = 2.0 ** rng.uniform(low, high, queries) / (largest * multiplier * mantissa)
    exponent = np.clip(np.round(np.log2(wanted)) + spec.requantize.shift, -32, 31)
    total = keys << probability_bits
    # Contexts of a few bits, of all, or of more than there are.
    bits = spec.requantize.shift - 16 - context_multiplier.bit_length()
    bits += int(rng.choice([rng.integers(5, 13), rng.integers(0, 24)])) + total.bit_length()
    return Job(
        query=query,
        scale=RowScale(mantissa, exponent.astype(np.int64)),
        key=key,
        value=value,
        mask=mask,
        causal=causal,
        position=int(rng.integers(-2, keys + 1)),
        probability_bits=probability_bits,
        score_multiplier=multiplier,
        context_multiplier=context_multiplier,
        context_offset=int(np.clip(bits, -64, 63)),
    )


def _multipliers(rng: np.random.Generator) -> NDArray[np.int64]:
    """Of scores and contexts: of full length, or of any."""
    return rng.integers(1 << 14, 1 << 16, 2) >> rng.choice(
        np.array([0, 0, int(rng.integers(14))]), 2
    )


def stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    """Jobs of every size: about ``count`` queries in all."""
    spec, plan = point.spec, point.plan
    jobs: list[Job] = []
    while sum(len(job.query) for job in jobs) < count or len(jobs) < 4:
        queries = int(rng.choice([1, plan.rows, plan.rows, rng.integers(1, plan.rows + 1)]))
        # Jobs of one block follow each other fastest: faster than results leave.
        most = spec.key_block * (1 if rng.random() < 0.5 else 4)
        keys = int(rng.integers(1, most, endpoint=True))
        jobs.append(draw_job(spec, plan, rng, queries, keys))
    elements = sum(job.query.size for job in jobs)
    return Stimulus(
        inputs=operand_fields(spec, plan, jobs),
        outputs={"o": elements // plan.output_lanes},
    )


def jobs_of(spec: AttentionSpec, plan: EnginePlan, stimulus: Stimulus) -> list[Job]:
    """The jobs that ``operand_fields`` cut into beats."""
    inputs = stimulus.inputs
    fields, lanes, block = inputs["jobs"], plan.lanes, spec.key_block
    queries, keys_values = inputs["queries"], inputs["keys_values"]
    jobs, at_query, at_key = [], 0, 0
    for index, count in enumerate(fields["queries"]):
        chunks = int(fields["beats"][index])
        beats = queries[at_query : at_query + count * (1 + chunks)]
        at_query += len(beats)
        rows = beats.reshape(count, 1 + chunks, lanes)
        header = sum(rows[:, 0, k].astype(np.int64) << (8 * k) for k in range(4))
        bits = spec.requantize.mantissa_bits
        exponent = (header >> bits) & ((1 << spec.requantize.exponent_bits) - 1)
        half = 1 << (spec.requantize.exponent_bits - 1)
        scale = RowScale(header & ((1 << bits) - 1), (exponent ^ half) - half)
        parts: dict[str, list[NDArray]] = {"mask": [], "key": [], "value": []}
        total = int(fields["keys"][index])
        for start in range(0, total, block):
            size = min(block, total - start)
            mask = np.unpackbits(keys_values[at_key], bitorder="little")[:size]
            parts["mask"].append(mask.astype(bool))
            at_key += 1
            for name in ("key", "value"):
                beats = keys_values[at_key : at_key + size * chunks]
                at_key += len(beats)
                parts[name].append(beats.view(np.int8).reshape(size, -1).astype(np.int64))
        codes = rows[:, 1:].copy().view(np.int8).reshape(count, -1).astype(np.int64)
        jobs.append(
            Job(
                query=codes,
                scale=scale,
                key=np.concatenate(parts["key"]),
                value=np.concatenate(parts["value"]),
                mask=np.concatenate(parts["mask"]),
                causal=bool(fields["causal"][index]),
                **{name: int(fields[name][index]) for name in NUMBERS},
            )
        )
    return jobs


def golden(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, Any]:
    """Contexts of every job, in beats."""
    jobs = jobs_of(point.spec, point.plan, stimulus)
    return {"o": result_fields(point.plan, [context(point.spec, job) for job in jobs])}


SMALL = EnginePlan(head_size=8, lanes=4, rows=16, longest=64, output_lanes=1)

# Parts of a head in lanes and columns, parts of a block in lanes; heads shorter than a group.
PARTS = EnginePlan(head_size=20, lanes=4, rows=4, longest=32, softmax_lanes=2, output_lanes=4)

ENGINE = Operator(
    golden=golden,
    component=lambda point: Engine(point.spec, point.plan),
    points={
        "small": Point(spec=AttentionSpec(heads=1, key_block=8), plan=SMALL),
        "parts": Point(
            spec=AttentionSpec(heads=1, key_block=8, probability_bits=12), plan=PARTS, quick=False
        ),
    },
    stimulus=stimulus,
    count=60,
)
