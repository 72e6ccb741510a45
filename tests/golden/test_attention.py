"""Fused attention against real attention: bounds, blocks, masks, rows without keys."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import pytest

from golden.operator_spec import AttentionSpec, SoftmaxSpec
from golden.ops.attention import (
    attention,
    attention_steps,
    merge_heads,
    split_heads,
)
from golden.ops.quantize import HEAD_MULTIPLIER
from golden.quantization.calibration import (
    CODE_EXPONENTS,
    RECIPROCAL_EXPONENTS,
    UNIT_EXPONENTS,
    fit_multipliers,
)
from golden.real.attention import attention as real_attention

OUTPUT_UNIT = 200.0  # output integers per code of V


class Case(NamedTuple):
    """Inputs of one attention and what its scores are worth."""

    spec: AttentionSpec
    inputs: tuple[np.ndarray, ...]
    exact: np.ndarray


def case(
    spec: AttentionSpec,
    queries: int,
    keys: int,
    spread: float,
    mask: np.ndarray | None = None,
    seed: int = 0,
) -> Case:
    """Random INT16 inputs whose scores spread by ``spread``, and real attention of their codes."""
    rng = np.random.default_rng(seed)
    depth = 32
    width = spec.heads * depth
    query, key, value = (
        np.rint(rng.normal(0, 3000, (rows, width))).astype(int) for rows in (queries, keys, keys)
    )
    key_scale = np.full(spec.heads, 9000)
    value_scale = np.full(spec.heads, 8000)
    # Real scores are q k^T * unit; integers have log2(e) and the fraction bits in them.
    unit = spread / (3000**2 * math.sqrt(depth))
    fraction = 1 << spec.score_fraction_bits
    score = np.full(spec.heads, unit * 9000 / 127**2 * math.log2(math.e) * fraction)
    context = np.full(spec.heads, OUTPUT_UNIT / (spec.softmax.unit if spec.softmax else 1))
    exponents = UNIT_EXPONENTS if spec.softmax else RECIPROCAL_EXPONENTS
    score_offset, (score,) = fit_multipliers(spec.requantize, [score], CODE_EXPONENTS)
    context_offset, (context,) = fit_multipliers(spec.requantize, [context], exponents)
    offsets = np.array([score_offset, context_offset])
    inputs = (query, key, value, key_scale, value_scale, score, context, offsets)
    inputs += () if mask is None else (mask,)

    steps = attention_steps(spec, *inputs)
    worth = steps.query_scale.mantissa * np.exp2(steps.query_scale.exponent - score_offset) / 127
    q = steps.query * worth[..., None] * unit * math.sqrt(depth)
    k = steps.key * (9000 / 127)
    exact = real_attention(
        merge_heads(q),
        merge_heads(k),
        merge_heads(steps.value * OUTPUT_UNIT),
        mask,
        heads=spec.heads,
        causal=spec.causal,
    )
    return Case(spec, inputs, exact)


@pytest.mark.parametrize("probability_bits", [8, 10, 12])
@pytest.mark.parametrize("key_block", [8, 32, 128])
@pytest.mark.parametrize("spread", [0.5, 2.0, 5.0])
@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (20, 20), (37, 200)])
def test_context_is_within_its_bound(
    probability_bits: int, key_block: int, spread: float, queries: int, keys: int
) -> None:
    spec = AttentionSpec(
        heads=2,
        key_block=key_block,
        probability_bits=probability_bits,
    )
    spec, inputs, exact = case(spec, queries, keys, spread)
    steps = attention_steps(spec, *inputs)
    largest = np.abs(steps.value).max() * OUTPUT_UNIT
    scale = steps.context_scale
    # The context's scale has the head's multiplier in it.
    inverse_sum = scale.mantissa * np.exp2(scale.exponent - inputs[7][1])  # (H, N)
    inverse_sum = inverse_sum * (HEAD_MULTIPLIER / inputs[6])[:, None]
    share = 2.0**-8 + (1.1 * keys + len(steps.probabilities)) * inverse_sum
    allowed = 1 + largest * share[..., None]  # (H, N, 1)
    error = np.abs(split_heads(steps.output - exact, spec.heads))
    assert (error <= allowed).all()
    assert np.abs(exact).max() > 2000


@pytest.mark.parametrize("key_block", [1, 7, 64, 200])
def test_one_pass_and_many_blocks_differ_little(key_block: int) -> None:
    whole, inputs, _ = case(AttentionSpec(heads=2, key_block=200), 10, 200, 2.0)
    blocks = dataclasses.replace(whole, key_block=key_block)
    difference = attention(blocks, *inputs) - attention(whole, *inputs)
    assert np.abs(difference).max() <= 127 * OUTPUT_UNIT * 200 / key_block / 1000 + 1
    if key_block == 200:
        assert (difference == 0).all()


def test_an_old_context_counts_less_when_a_larger_score_comes() -> None:
    """With the largest score last, every block rescales; forgetting to would double the sums."""
    spec, inputs, exact = case(AttentionSpec(heads=1, key_block=4), 1, 16, 6.0)
    order = np.argsort(attention_steps(spec, *inputs).scores[0, 0])
    query, key, value, *rest = inputs
    rising = attention(spec, query, key[order], value[order], *rest)
    falling = attention(spec, query, key[order[::-1]], value[order[::-1]], *rest)
    assert np.abs(rising - exact).max() <= 400
    assert np.abs(falling - exact).max() <= 400


def test_masked_keys_do_not_count() -> None:
    mask = np.random.default_rng(5).random((12, 30)) < 0.5
    mask[:, 3] = True
    spec, inputs, exact = case(AttentionSpec(heads=2, key_block=8), 12, 30, 1.0, mask)
    assert np.abs(attention(spec, *inputs) - exact).max() < 600
    changed = (inputs[0], inputs[1].copy(), inputs[2].copy(), *inputs[3:8], mask[:1])
    changed[1][~mask[0]] = 12345
    changed[2][~mask[0]] = -23456
    same = attention(spec, inputs[0][:1], *inputs[1:8], mask[:1])
    assert (attention(spec, changed[0][:1], *changed[1:]) == same).all()


def test_a_query_without_keys_gives_zeros() -> None:
    mask = np.ones((3, 10), bool)
    mask[1] = False
    spec, inputs, _ = case(AttentionSpec(heads=2, key_block=4), 3, 10, 1.0, mask)
    output = attention(spec, *inputs)
    assert (output[1] == 0).all()
    assert np.abs(output[[0, 2]]).min(axis=1).max() > 0


@pytest.mark.parametrize(("queries", "keys"), [(9, 9), (3, 9)])
def test_causal_rows_equal_shorter_inputs(queries: int, keys: int) -> None:
    """The last query sees the last key; earlier ones as many keys fewer."""
    spec, inputs, exact = case(AttentionSpec(heads=2, key_block=4, causal=True), queries, keys, 1.0)
    output = attention(spec, *inputs)
    assert np.abs(output - exact).max() < 600
    query, key, value, *rest = inputs
    for row in range(queries):
        seen = keys - queries + row + 1
        alone = attention(
            dataclasses.replace(spec, causal=False),
            query[row : row + 1],
            key[:seen],
            value[:seen],
            *rest,
        )
        assert (alone[0] == output[row]).all()


def test_heads_do_not_mix() -> None:
    spec, inputs, _ = case(AttentionSpec(heads=3), 5, 7, 1.0)
    changed = [x.copy() for x in inputs]
    for x in changed[:3]:
        x[:, 32:] = 77
    assert (attention(spec, *changed)[:, :32] == attention(spec, *inputs)[:, :32]).all()
    assert (attention(spec, *changed)[:, 32:] != attention(spec, *inputs)[:, 32:]).any()


def test_a_mask_is_bool() -> None:
    spec, inputs, _ = case(AttentionSpec(heads=2), 3, 10, 1.0)
    with pytest.raises(ValueError, match="it must be bool, not float64"):
        attention(spec, *inputs, np.zeros(10))


ROWS = SoftmaxSpec()


@pytest.mark.parametrize("spread", [0.5, 2.0, 5.0])
@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (20, 20), (37, 200)])
@pytest.mark.parametrize("softmax", [ROWS, SoftmaxSpec(output_bits=12, guard_bits=3)])
def test_contexts_of_whole_rows_are_within_their_bound(
    spread: float, queries: int, keys: int, softmax: SoftmaxSpec
) -> None:
    spec, inputs, exact = case(AttentionSpec(heads=2, softmax=softmax), queries, keys, spread)
    steps = attention_steps(spec, *inputs)
    largest = np.abs(steps.value).max() * OUTPUT_UNIT
    # Many small shares are rounded to 0 or 1 alike; no row of shares is worth more than twice 1.
    share = 2.0**-8 + min(keys / softmax.unit, 1.0)
    assert np.abs(steps.output - exact).max() <= 1 + largest * share
    assert np.abs(exact).max() > 2000
    assert steps.probabilities[0].max() > softmax.unit // (2 * keys)


@pytest.mark.parametrize(("queries", "keys"), [(9, 9), (3, 9)])
def test_causal_whole_rows_equal_shorter_inputs(queries: int, keys: int) -> None:
    causal = AttentionSpec(heads=2, softmax=ROWS, causal=True)
    spec, inputs, exact = case(causal, queries, keys, 1.0)
    output = attention(spec, *inputs)
    assert np.abs(output - exact).max() < 600
    query, key, value, *rest = inputs
    free = dataclasses.replace(spec, causal=False)
    for row in range(queries):
        seen = keys - queries + row + 1
        alone = attention(free, query[row : row + 1], key[:seen], value[:seen], *rest)
        assert (alone[0] == output[row]).all()


def test_masked_keys_of_whole_rows_have_the_lowest_score() -> None:
    mask = np.random.default_rng(5).random(30) < 0.5
    whole = AttentionSpec(heads=2, softmax=ROWS)
    spec, inputs, exact = case(whole, 12, 30, 1.0, mask)
    assert np.abs(attention(spec, *inputs) - exact).max() < 700
    changed = [x.copy() for x in inputs]
    changed[1][~mask], changed[2][~mask] = 12345, -23456
    assert (attention(spec, *changed) == attention(spec, *inputs)).all()
    none = attention(spec, *inputs[:8], np.zeros(30, bool))
    assert (none == none[0]).all() and none.any()


@pytest.mark.parametrize(("queries", "keys"), [(20, 20), (3, 60)])
def test_linear_scores_are_shared_in_proportion(queries: int, keys: int) -> None:
    spec, inputs, _ = case(AttentionSpec(heads=2, softmax=ROWS), queries, keys, 1.0)
    # Feature maps are positive; a score of 32 products of 127 * 127 is the largest.
    query, key = (np.abs(x) for x in inputs[:2])
    score = np.full(2, 32767 / (32 * 127**2))
    offset, (multiplier,) = fit_multipliers(spec.requantize, [score], UNIT_EXPONENTS)
    offsets = np.array([offset, inputs[7][1]])
    spec = dataclasses.replace(spec, linear=True)
    inputs = (query, key, *inputs[2:5], multiplier, inputs[6], offsets)
    steps = attention_steps(spec, *inputs)
    x = steps.query @ steps.key.swapaxes(-1, -2)  # (H, N, T)
    share = x / x.sum(axis=-1, keepdims=True)
    exact = merge_heads(share @ steps.value * OUTPUT_UNIT)
    # Lines between the table's logarithms, and codes of the shares.
    assert np.abs(steps.probabilities[0] / ROWS.unit - share).max() <= 0.01 * share.max() + 2 / 255
    assert np.abs(steps.output - exact).max() <= 1 + 127 * OUTPUT_UNIT * (0.01 + keys / 255)
    twice = (2 * query, *inputs[1:])
    assert (attention(spec, *twice) == steps.output).mean() > 0.9


def test_linear_scores_need_whole_rows() -> None:
    with pytest.raises(ValueError, match="need the softmax of whole rows, not softmax=None"):
        AttentionSpec(heads=1, linear=True)
