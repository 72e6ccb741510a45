"""Jobs of the attention engine: what one is, its beats, and what golden says of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from golden.integer import RowScale
from golden.operator_spec import AttentionSpec
from golden.ops.attend import attend
from hw.engine.layout import scale_layout
from hw.engine.plan import EnginePlan
from sim.beats import Fields, pack

Integers = NDArray[np.int64]

NUMBERS = (
    *("position", "probability_bits"),
    *("score_multiplier", "context_multiplier", "context_offset"),
)
"""Fields of a job that are numbers of the same name."""


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
    probability_bits: int
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
    spec = replace(spec, probability_bits=job.probability_bits)
    steps = attend(
        *(spec, job.query[None], job.scale, job.key[None], job.value[None], job.allowed()),
        score_multiplier=job.score_multiplier,
        context_multiplier=job.context_multiplier,
        context_offset=job.context_offset,
    )
    return steps.context[0]


def operand_fields(spec: AttentionSpec, plan: EnginePlan, jobs: Sequence[Job]) -> dict[str, Fields]:
    """Beats of every input stream for these jobs."""
    lanes, block = plan.lanes, spec.key_block
    queries, keys_values = [], []
    for job in jobs:
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
    return {
        "jobs": {
            "queries": np.array([len(job.query) for job in jobs]),
            "keys": np.array([len(job.key) for job in jobs]),
            "beats": np.array([job.key.shape[1] // lanes for job in jobs]),
            "causal": np.array([int(job.causal) for job in jobs]),
            **{name: np.array([int(getattr(job, name)) for job in jobs]) for name in NUMBERS},
        },
        "queries": np.concatenate(queries),
        "keys_values": np.concatenate(keys_values),
    }


def result_fields(plan: EnginePlan, contexts: Sequence[Integers]) -> Fields:
    """Beats of every job's context, (N, d) each."""
    codes, last, done = [], [], []
    for one in contexts:
        beats, end = one.shape[1] // plan.output_lanes, one.size // plan.output_lanes - 1
        place = np.arange(end + 1)
        codes.append(one.reshape(-1, plan.output_lanes))
        last.append(place % beats == beats - 1)
        done.append(place == end)
    return {
        "data": np.concatenate(codes),
        "last": np.concatenate(last),
        "done": np.concatenate(done),
    }
