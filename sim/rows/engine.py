"""Row of the attention engine: jobs of one head each, against golden's walk over the keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.integer import RowScale, matmul, requantize
from golden.operator_spec import AttentionSpec
from golden.ops.key_blocks import walk_keys
from golden.ops.quantize import HEAD_MULTIPLIER, head_scale, move_exponent
from golden.ops.reciprocal import reciprocal
from hw.engine.engine import Engine
from hw.engine.layout import scale_layout
from hw.engine.plan import EnginePlan
from sim.beats import pack
from sim.row import Cycles, Operator, Point, Stimulus

Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One head: codes, row scales, which keys count, and the head's numbers."""

    query: Integers  # (N, d)
    scale: RowScale  # (N,)
    key: Integers  # (T, d)
    value: Integers  # (T, d)
    mask: NDArray[np.bool_]  # (T,)
    causal: bool
    position: int
    score_multiplier: int
    context_multiplier: int
    context_offset: int

    def allowed(self) -> NDArray[np.bool_]:
        """(N, T): which query sees which key."""
        queries, keys = np.arange(len(self.query)), np.arange(len(self.key))
        seen = keys <= self.position + queries[:, None] if self.causal else True
        return np.broadcast_to(self.mask & seen, (len(queries), len(keys)))


def context(spec: AttentionSpec, job: Job) -> Integers:
    """What golden says of a job, (N, d)."""
    product = matmul(job.query, job.key.T)
    scale = head_scale(spec.requantize, job.score_multiplier, job.scale)
    scores = requantize(spec.requantize, product, HEAD_MULTIPLIER, 0, scale)
    walk = walk_keys(spec, scores[None], job.allowed(), job.value[None])
    divide = move_exponent(reciprocal(spec.reciprocal, walk.total), job.context_offset)
    divide = head_scale(spec.requantize, job.context_multiplier, divide)
    return requantize(spec.requantize, walk.context, HEAD_MULTIPLIER, 0, divide)[0]


def stimulus_of(spec: AttentionSpec, plan: EnginePlan, jobs: list[Job]) -> Stimulus:
    """Beats of every stream for these jobs."""
    lanes, block = plan.lanes, spec.key_block
    fields: dict[str, list[int]] = {
        name: []
        for name in (
            *("queries", "keys", "causal", "position"),
            *("score_multiplier", "context_multiplier", "context_offset"),
        )
    }
    queries, keys_values = [], []
    for job in jobs:
        numbers = (len(job.query), len(job.key), job.causal, job.position)
        multipliers = (job.score_multiplier, job.context_multiplier, job.context_offset)
        for name, number in zip(fields, (*numbers, *multipliers), strict=True):
            fields[name].append(int(number))
        scales = pack(
            scale_layout(spec),
            {"mantissa": job.scale.mantissa, "exponent": job.scale.exponent},
        )
        header = np.zeros((len(scales), 1, lanes), np.uint8)
        header[:, 0, : scales.shape[1]] = scales
        codes = job.query.astype(np.int8).view(np.uint8).reshape(len(scales), -1, lanes)
        queries.append(np.concatenate([header, codes], axis=1).reshape(-1, lanes))
        for start in range(0, len(job.key), block):
            part = slice(start, start + block)
            mask = np.zeros(8 * lanes, bool)
            mask[: len(job.mask[part])] = job.mask[part]
            keys_values.append(np.packbits(mask, bitorder="little")[None])
            for operand in (job.key[part], job.value[part]):
                keys_values.append(operand.astype(np.int8).view(np.uint8).reshape(-1, lanes))
    inputs = {
        "jobs": {name: np.array(numbers) for name, numbers in fields.items()},
        "queries": np.concatenate(queries),
        "keys_values": np.concatenate(keys_values),
    }
    rows = sum(len(job.query) for job in jobs)
    return Stimulus(inputs=inputs, outputs={"o": rows * plan.head_size // plan.output_lanes})


def draw_job(
    spec: AttentionSpec, plan: EnginePlan, rng: np.random.Generator, queries: int, keys: int
) -> Job:
    """Codes whose scores spread over a few powers of two; some rows all alike, or nothing seen."""
    d = plan.head_size
    kind = int(rng.integers(8))
    query = rng.integers(-127, 128, (queries, d)) >> rng.integers(0, 7, (queries, 1))
    key = rng.integers(-127, 128, (keys, d)) >> rng.integers(0, 7, (keys, 1))
    if kind == 0:
        key[:] = key[0]
    if kind == 1:
        query[:], key[:] = 127, -127
    value = rng.integers(-127, 128, (keys, d)) >> rng.integers(0, 7, (1, d))
    share = rng.choice([1.0, 0.8, 0.3])
    mask = rng.random(keys) < share if kind != 2 else np.zeros(keys, bool)
    causal = bool(rng.integers(2))
    # Scales that make the largest score of a row a few thousand integers.
    multiplier = int(rng.integers(1 << 14, 1 << 16))
    largest = np.maximum(np.abs(matmul(query, key.T)).max(axis=1), 1)
    mantissa = rng.integers(1 << 15, 1 << 16, queries)
    wanted = 2.0 ** rng.uniform(8, 15.5, queries) / (largest * multiplier * mantissa)
    exponent = np.clip(np.round(np.log2(wanted)) + spec.requantize.shift, -32, 31)
    total = spec.exponential.unit * keys
    bits = spec.requantize.shift - 16 - 16 + int(rng.integers(6, 10)) + int(total).bit_length()
    return Job(
        query=query,
        scale=RowScale(mantissa, exponent.astype(np.int64)),
        key=key,
        value=value,
        mask=mask,
        causal=causal,
        position=int(rng.integers(-2, keys + 1)),
        score_multiplier=multiplier,
        context_multiplier=int(rng.integers(1 << 14, 1 << 16)),
        context_offset=int(np.clip(bits, -32, 31)),
    )


def stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    """Jobs of every size: about ``count`` queries in all."""
    spec, plan = point.spec, point.plan
    jobs: list[Job] = []
    while sum(len(job.query) for job in jobs) < count or len(jobs) < 4:
        queries = int(rng.choice([1, plan.rows, rng.integers(1, plan.rows + 1)]))
        keys = int(rng.integers(1, 4 * spec.key_block))
        jobs.append(draw_job(spec, plan, rng, queries, keys))
    return stimulus_of(spec, plan, jobs)


def jobs_of(spec: AttentionSpec, plan: EnginePlan, stimulus: Stimulus) -> list[Job]:
    """The jobs that ``stimulus_of`` cut into beats."""
    inputs = stimulus.inputs
    fields, lanes, block = inputs["jobs"], plan.lanes, spec.key_block
    queries, keys_values = inputs["queries"], inputs["keys_values"]
    jobs, at_query, at_key = [], 0, 0
    for index, count in enumerate(fields["queries"]):
        beats = queries[at_query : at_query + count * (1 + plan.chunks)]
        at_query += len(beats)
        rows = beats.reshape(count, 1 + plan.chunks, lanes)
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
                beats = keys_values[at_key : at_key + size * plan.chunks]
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
                position=int(fields["position"][index]),
                score_multiplier=int(fields["score_multiplier"][index]),
                context_multiplier=int(fields["context_multiplier"][index]),
                context_offset=int(fields["context_offset"][index]),
            )
        )
    return jobs


def golden(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, Any]:
    """Contexts of every job, in beats."""
    spec, plan = point.spec, point.plan
    data, last, done = [], [], []
    for job in jobs_of(spec, plan, stimulus):
        codes = context(spec, job).reshape(-1, plan.output_lanes)
        beats = plan.head_size // plan.output_lanes
        place = np.arange(len(codes))
        data.append(codes)
        last.append(place % beats == beats - 1)
        done.append(place == len(codes) - 1)
    return {
        "o": {
            "data": np.concatenate(data),
            "last": np.concatenate(last),
            "done": np.concatenate(done),
        }
    }


SMALL = EnginePlan(head_size=8, lanes=4, rows=4, longest=64, output_lanes=4)

ENGINE = Operator(
    golden=golden,
    component=lambda point: Engine(point.spec, point.plan),
    points={
        "small": Point(spec=AttentionSpec(heads=1, key_block=8), plan=SMALL),
        "default": Point(spec=AttentionSpec(heads=1, key_block=32), plan=EnginePlan(), quick=False),
    },
    stimulus=stimulus,
    count=30,
)
