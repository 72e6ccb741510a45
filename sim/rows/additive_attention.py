"""Row of additive attention: jobs of one query each, against golden's walk over the keys."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from golden.configs import ADDITIVE_ATTENTIONS
from golden.operator_spec import AdditiveAttentionSpec
from golden.ops.additive_attention import additive_attention
from hw.ops.additive_attention import AdditiveAttention
from hw.ops.additive_plan import AdditiveAttentionPlan
from hw.ops.key_comparison import static_quantizer
from sim.row import Cycles, Operator, Point, Stimulus
from sim.stimulus import magnitudes
from sim.tensors import Fields, Tensor, golden, join, joined, row_beats


def stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    """Energies, then jobs of every size of theirs: about ``count`` keys in all."""
    plan, block = point.plan, point.spec.attention.key_block
    most = min(plan.longest, max(32, block + 16))
    tensors: list[Tensor] = []
    left = count
    while left > 0 or len(tensors) < 2:
        # Queries of one width for each set of energies: the widest, one of one beat, any.
        several = int(rng.integers(block, most)) + 1
        width, sizes = {
            0: (plan.width, [1, several]),
            1: (1, [block, several]),
        }.get(len(tensors), (int(rng.integers(plan.width)) + 1, [int(rng.integers(most)) + 1]))
        tensors.append(_tensor(point, rng, width, sizes))
        left -= sum(sizes)
    return join(tensors)


def _tensor(point: Point, rng: np.random.Generator, width: int, sizes: list[int]) -> Tensor:
    lanes = point.plan.lanes
    energy = magnitudes(rng, 8, width)
    words = np.pad(energy, (0, -width % lanes)).reshape(-1, lanes)
    places = rng.permutation(len(words))
    rows, outputs = zip(*(_job(point, rng, energy, size) for size in sizes), strict=True)
    return Tensor(
        loads={"energies": {"data": words[places], "beat": places}},
        rows={name: joined([own[name] for own in rows]) for name in rows[0]},
        expected={"o": joined(outputs)},
    )


def _job(
    point: Point, rng: np.random.Generator, energy: np.ndarray, keys: int
) -> tuple[dict[str, Fields], Fields]:
    """Scores that spread over a few powers of two; rows all alike, none seen, sums that saturate.

    The last keys often lead, so that later blocks raise the largest score.
    """
    spec, plan = point.spec, point.plan
    walk, lanes, width = spec.attention, plan.lanes, len(energy)
    depth = int(rng.choice([plan.depth, plan.depth, 1, rng.integers(1, plan.depth, endpoint=True)]))
    kind = int(rng.integers(10))
    query = rng.integers(-(1 << 15), 1 << 15, width) >> rng.integers(0, 8)
    key = rng.integers(-(1 << 15), 1 << 15, (keys, width)) >> rng.integers(0, 8, (keys, 1))
    if kind == 0:
        key[:] = key[0]
    if kind == 1:
        query = rng.choice([-(1 << 15), (1 << 15) - 1], width)
        key = rng.choice([-(1 << 15), -1, 1, (1 << 15) - 1], (keys, width))
    if kind == 2:
        # Every key is nearer to the energies than the one before.
        rise = np.linspace(0, 1 << 13, keys).astype(np.int64)[:, None]
        query, key = query >> 4, np.clip(np.sign(energy) * rise + (key >> 6), -(1 << 15), 32767)
    value = rng.integers(-127, 128, (keys, depth)) >> rng.integers(0, 7, (1, depth))
    seen = rng.random(keys) < rng.choice([1.0, 0.8, 0.3])
    if kind == 3:
        seen[:] = False
    # Scores of 2**8 to 2**13, or 2**15.5, where tanh is 1 throughout; contexts of 8 to 16 bits.
    largest = 128 * max(1, int(np.abs(energy).sum()))
    most = 1 << walk.requantize.multiplier_bits
    multiplier = int(rng.integers(most // 4, most))
    wanted = np.log2(
        2.0 ** rng.uniform(*((14, 15.5) if kind == 2 else (8, 13))) / (largest * multiplier)
    )
    *_, static = static_quantizer(spec.comparison)
    low, high = walk.requantize.exponent_range
    score = int(np.clip(round(wanted) + walk.requantize.shift - 15, low - static, high - static))
    context = walk.requantize.shift - int(rng.integers(7, 14)) + 16 - most.bit_length() + 1
    numbers = {
        "score_multiplier": multiplier,
        "score_offset": score,
        "context_multiplier": int(rng.integers(most // 4, most)),
        "context_offset": int(rng.integers(-64, 64)) if kind == 4 else context,
    }
    output = additive_attention(
        spec,
        query[None],
        key,
        value,
        energy,
        np.array([walk.operand.code_limit]),
        np.array([numbers["score_multiplier"]]),
        np.array([numbers["context_multiplier"]]),
        np.array([numbers["score_offset"], numbers["context_offset"]]),
        seen,
    )
    beats = row_beats(key, lanes)
    # Only a key's last beat tells whether it is seen.
    marks = np.where(
        beats["last"], np.repeat(seen, -(-width // lanes)), rng.integers(0, 2, len(beats["last"]))
    )
    rows: dict[str, Fields] = {
        "jobs": {name: np.array([number]) for name, number in {"keys": keys, **numbers}.items()},
        "queries": row_beats(query[None], lanes),
        "keys": {**beats, "seen": marks},
        "values": row_beats(value, lanes),
    }
    padded = np.pad(output, [(0, 0), (0, -depth % lanes)])
    return rows, row_beats(padded, plan.output_lanes)


def timing(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
    """One beat a cycle; a block waits for its codes, and some blocks for sums that are rescaled.

    Whether a block raises the largest score is the scores' matter: with either wait, and no other.
    """
    plan, block = point.plan, point.spec.attention.key_block
    ends = {
        name: np.flatnonzero(stimulus.inputs[name]["last"]) + 1
        for name in ("queries", "keys", "values")
    }
    row = dict.fromkeys(ends, 0)
    beat = dict.fromkeys((*ends, "o"), 0)
    told: dict[str, list[NDArray[np.int64]]] = {name: [] for name in beat}

    def takes(name: str, first: int, rows: int) -> int:
        row[name] += rows
        return follows(name, first, int(ends[name][row[name] - 1]) - beat[name])

    def follows(name: str, first: int, count: int) -> int:
        told[name].append(first + np.arange(count))
        beat[name] += count
        return first + count

    for keys in stimulus.inputs["jobs"]["keys"]:
        now = takes("queries", int(cycles["queries"][beat["queries"]]), 1)
        for start in range(0, int(keys), block):
            size = min(block, int(keys) - start)
            now = takes("keys", now, size)
            now += AdditiveAttention.block_latency(plan) - 1
            width = int(ends["values"][row["values"]]) - beat["values"]
            rescaled = now + width * plan.parts + 1
            if start and int(cycles["values"][beat["values"]]) == rescaled:
                now = rescaled
            now = takes("values", now, size)
        follows("o", now - 1 + AdditiveAttention.latency(), width * plan.parts)
    return {name: np.concatenate(parts) for name, parts in told.items()}


SMALL = AdditiveAttentionPlan(lanes=4, output_lanes=2, width=11, depth=10, longest=32)

ADDITIVE_ATTENTION = Operator(
    golden=golden,
    component=lambda point: AdditiveAttention(point.spec, point.plan),
    points={
        "small": Point(
            # Sums that saturate show in tanh, and the last bits of narrow scales in codes.
            spec=ADDITIVE_ATTENTIONS["tiny"],
            plan=SMALL,
        ),
        "default": Point(spec=AdditiveAttentionSpec(), plan=AdditiveAttentionPlan(), quick=False),
    },
    stimulus=stimulus,
    timing=timing,
    count=200,
)
