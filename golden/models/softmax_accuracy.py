"""How near softmax in integers is to the real one: over score rows of the encoder and drawn ones.

Rows are matrices of equal length, one row each. Scores are integers, logarithms to the base 2.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from golden.models import minilm
from golden.networks.run import run_integer, run_real
from golden.operator_spec import AttentionSpec, SoftmaxSpec
from golden.ops.attention import attention_steps
from golden.ops.softmax import softmax
from golden.quantize import QuantizeSettings
from golden.real.softmax import softmax as real_softmax

KL_FLOOR = 1e-6

BEYOND_ONE_CODE = 0.001
"""Share of entries that may be more than one code from the exactly rounded ones."""

SHARE, FLOOR = 1.1, 0.0005
"""Mean row-sum error and KL may be that many times those of the exactly rounded ones, plus that."""

ROW_SUM = 0.015
"""Largest error of a row sum at 12 bits."""

CONTEXT = 0.99
"""Share of contexts within one LSB of their INT8 codes."""

SPREADS = (1, 2, 4)
LENGTHS = (16, 64, 128, 512)


class Rows(NamedTuple):
    """Score rows of one length: the integers, and the real logits that they stand for."""

    scores: np.ndarray  # (R, T)
    logits: np.ndarray  # (R, T)
    fraction_bits: int


def rounded_scores(spec: SoftmaxSpec, logits: np.ndarray) -> np.ndarray:
    """Integers of natural logits, within the range of a score."""
    limit = (1 << (spec.score_bits - 1)) - 1
    codes = np.floor(logits * (math.log2(math.e) * (1 << spec.score_fraction_bits)) + 0.5)
    return np.clip(codes, -limit - 1, limit).astype(np.int64)


def drawn_rows(spec: SoftmaxSpec, spread: float, length: int, count: int, seed: int = 0) -> Rows:
    """``count`` rows of ``length`` logits from a normal distribution."""
    logits = np.random.default_rng((seed, int(spread * 8), length)).normal(
        0, spread, (count, length)
    )
    return Rows(rounded_scores(spec, logits), logits, spec.score_fraction_bits)


def encoder_rows(spec: SoftmaxSpec, token_ids: Iterable[np.ndarray]) -> Iterator[tuple[Rows, Rows]]:
    """Rows of every layer and head: logits of the float network rounded, scores of the integer one.

    Both stand beside the logits of the float network.
    """
    real, integer = minilm.real_network(), minilm.integer_network()
    for ids in token_ids:
        floats = run_real(real, {"token_ids": ids})
        integers = run_integer(integer, {"token_ids": ids})
        for operator in integer.operators:
            if not isinstance(operator.spec, AttentionSpec):
                continue
            heads = operator.spec.heads
            query, key = (
                floats[name].reshape(len(ids), heads, -1).swapaxes(0, 1)
                for name in operator.inputs[:2]
            )
            logits = query @ key.swapaxes(-1, -2) / math.sqrt(query.shape[-1])
            logits = logits.reshape(-1, len(ids)).astype(np.float64)
            steps = attention_steps(operator.spec, *(integers[name] for name in operator.inputs))
            scores = steps.scores.reshape(-1, len(ids)).astype(np.int64)
            yield (
                Rows(rounded_scores(spec, logits), logits, spec.score_fraction_bits),
                Rows(scores, logits, operator.spec.exponential.fraction_bits),
            )


def saturated(rows: Sequence[Rows]) -> float:
    """Share of rows with a score at an end of the range."""
    ends = [(one.scores.min(axis=-1) <= -(1 << 15)) | (one.scores.max(axis=-1) >= (1 << 15) - 1)
            for one in rows]  # fmt: skip
    return float(np.concatenate(ends).mean())


def figures(spec: SoftmaxSpec, rows: Sequence[Rows]) -> dict[str, dict[str, float]]:
    """Figures of integer softmax and of the exactly rounded one, against scores and logits."""
    exact = [real_softmax(one.scores * (math.log(2) / (1 << one.fraction_bits))) for one in rows]
    ours = [
        softmax(replace(spec, score_fraction_bits=one.fraction_bits), one.scores) for one in rows
    ]
    rounded = [np.floor(p * spec.unit + 0.5) for p in exact]
    logits = [real_softmax(one.logits) for one in rows]
    beyond = np.concatenate([np.abs(a - b).ravel() for a, b in zip(ours, rounded, strict=True)])
    found = {
        "integers": _distance(spec, ours, exact),
        "rounded": _distance(spec, rounded, exact),
        "integers_to_logits": _distance(spec, ours, logits),
        "rounded_to_logits": _distance(spec, rounded, logits),
    }
    found["integers"]["codes_from_rounded_max"] = float(beyond.max())
    found["integers"]["beyond_one_code"] = float((beyond > 1).mean())
    return found


def missed(found: dict[str, dict[str, float]]) -> list[str]:
    """What ``figures`` shows to be beyond its bound, in words."""
    ours, rounded = found["integers"], found["rounded"]
    told = []
    if ours["beyond_one_code"] > BEYOND_ONE_CODE:
        told.append(f"{ours['beyond_one_code']:.2%} of entries beyond one code")
    for name in ("row_sum_error", "kl"):
        bound = SHARE * rounded[name] + FLOOR
        if ours[name] > bound:
            told.append(f"{name} {ours[name]:.5f} above {bound:.5f}")
    return told


def _distance(
    spec: SoftmaxSpec, codes: Sequence[np.ndarray], exact: Sequence[np.ndarray]
) -> dict[str, float]:
    """Errors in LSBs, row sums, KL divergence, argmax agreement: means over entries or rows."""
    error = np.concatenate([
        np.abs(q - p * spec.unit).ravel() for q, p in zip(codes, exact, strict=True)
    ])
    sums = np.concatenate([q.sum(axis=-1) / spec.unit for q in codes])
    kl = np.concatenate([divergence(p, q) for q, p in zip(codes, exact, strict=True)])
    same = np.concatenate([
        q.argmax(axis=-1) == p.argmax(axis=-1) for q, p in zip(codes, exact, strict=True)
    ])
    return {
        "max_error": float(error.max()),
        "mean_error": float(error.mean()),
        "row_sum_error": float(np.abs(sums - 1).mean()),
        "row_sum_min": float(sums.min()),
        "row_sum_max": float(sums.max()),
        "kl": float(kl.mean()),
        "same_argmax": float(same.mean()),
    }


def divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """``sum(p ln(p / q))`` of each row; ``q`` is renormalised and at least 1e-6."""
    q = q / np.maximum(q.sum(axis=-1, keepdims=True), 1)
    return (p * np.log(np.maximum(p, 1e-300) / np.maximum(q, KL_FLOOR))).sum(axis=-1)


def worst_row_sum(spec: SoftmaxSpec, lengths: Iterable[int], count: int) -> float:
    """Largest ``|row sum - 1|`` over drawn rows of every spread and every one of ``lengths``."""
    worst = 0.0
    for length in lengths:
        for spread in SPREADS:
            codes = softmax(spec, drawn_rows(spec, spread, length, count).scores)
            worst = max(worst, float(np.abs(codes.sum(axis=-1) / spec.unit - 1).max()))
    return worst


def contexts(probability_bits: int, token_ids: Iterable[np.ndarray]) -> dict[str, float]:
    """Errors of the encoder's fused attention beside real attention of the same codes.

    Steps are those of the INT8 codes that the next product takes: 1/127 of a token's largest value.
    """
    integer = minilm.integer_network(QuantizeSettings(probability_bits=probability_bits))
    errors, steps = [], []
    for ids in token_ids:
        values = run_integer(integer, {"token_ids": ids})
        for operator in integer.operators:
            if isinstance(operator.spec, AttentionSpec):
                found, exact = _context(operator.spec, [values[name] for name in operator.inputs])
                error = np.abs(found - exact)
                errors.append(error.ravel())
                step = np.abs(exact).max(axis=(0, 2), keepdims=True) / 127  # (1, N, 1)
                steps.append((error / step).ravel())
    int16, int8 = np.concatenate(errors), np.concatenate(steps)
    return {
        "int16_within_one": float((int16 <= 1).mean()),
        "int16_max_error": float(int16.max()),
        "int8_within_one": float((int8 <= 1).mean()),
        "int8_max_error": float(int8.max()),
    }


def _context(spec: AttentionSpec, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The context in integers, and what real attention makes of the same scores and values."""
    steps = attention_steps(spec, *inputs)
    fraction = 1 << spec.exponential.fraction_bits
    p = real_softmax(steps.scores * (math.log(2) / fraction))  # (H, N, T)
    context_multiplier, offsets = inputs[6], inputs[7]
    worth = context_multiplier * np.exp2(float(offsets[1]) - spec.requantize.shift)
    return steps.context, (p @ steps.value) * worth[:, None, None]
