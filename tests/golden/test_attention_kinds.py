"""Linear attention, additive attention and bias tokens: bounds, masks, other implementations."""

import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, parser
from onnx.reference import ReferenceEvaluator

from golden.integer import RowScale, requantize, saturate
from golden.operator_spec import AdditiveAttentionSpec, AttentionSpec, LinearAttentionSpec
from golden.ops.activation import activation
from golden.ops.additive_attention import additive_attention
from golden.ops.attention import allowed_keys, codes_per_head, merge_heads, split_heads
from golden.ops.interpolate import interpolate
from golden.ops.key_blocks import walk_keys
from golden.ops.linear_attention import linear_attention
from golden.ops.quantize import HEAD_MULTIPLIER, head_scale, move_exponent, quantize
from golden.ops.reciprocal import reciprocal
from golden.quantization.calibration import (
    CODE_EXPONENTS,
    LINEAR_ATTENTION_EXPONENTS,
    RECIPROCAL_EXPONENTS,
    fit_multipliers,
)
from golden.real.activation import elu_plus_one
from golden.real.additive_attention import additive_attention as real_additive
from golden.real.attention import attention as real_attention
from golden.real.concat import prepend
from golden.real.linear_attention import linear_attention as real_linear
from golden.spec import RowScaleSpec
from golden.table_spec import TableSpec

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
RNG = np.random.default_rng(21)
HEADS, DEPTH = 2, 16
OUTPUT_UNIT = 200.0


def features(rows: int) -> np.ndarray:
    """elu + 1 of random numbers, as INT16 with 11 fraction bits."""
    spec = TableSpec(function="elu_plus_one")
    return activation(spec, np.rint(RNG.normal(0, 2048, (rows, HEADS * DEPTH))).astype(int))


def linear_case(queries: int, keys: int, causal: bool, mask: np.ndarray | None = None):
    """Integer linear attention, and the real one of the same codes."""
    spec = LinearAttentionSpec(heads=HEADS, causal=causal)
    query, key = features(queries), features(keys)
    value = np.rint(RNG.normal(0, 3000, (keys, HEADS * DEPTH))).astype(int)
    key_scale = np.array([split.max() for split in split_heads(key, HEADS)])
    value_scale = np.full(HEADS, 8000)
    offset, (m,) = fit_multipliers(
        spec.requantize, [np.full(HEADS, OUTPUT_UNIT)], LINEAR_ATTENTION_EXPONENTS
    )
    o = linear_attention(spec, query, key, value, key_scale, value_scale, m, offset, mask)
    codes = [
        quantize(spec.query, split_heads(query, HEADS), 0)[0],
        codes_per_head(spec.operand, split_heads(key, HEADS), key_scale),
        codes_per_head(spec.operand, split_heads(value, HEADS), value_scale),
    ]
    q, k, v = (merge_heads(x).astype(float) for x in codes)
    exact = real_linear(q, k, v * OUTPUT_UNIT, mask, heads=HEADS, causal=causal)
    return o, exact, codes


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (17, 17), (5, 300), (300, 300)])
def test_linear_attention_is_within_its_bound(queries: int, keys: int, causal: bool) -> None:
    o, exact, _ = linear_case(queries, keys, causal)
    assert (np.abs(o - exact) <= 0.5 + 2.0**-11 * np.abs(exact) + 1e-9).all()
    assert np.abs(exact).max() > 500


def test_both_orders_of_the_products_are_the_same_integers() -> None:
    _, _, (q, k, v) = linear_case(30, 40, False)
    keys_first = q @ (k.swapaxes(-1, -2) @ v)
    assert (keys_first == (q @ k.swapaxes(-1, -2)) @ v).all()


def test_linear_attention_masks_keys_and_defines_empty_rows() -> None:
    mask = RNG.random(40) < 0.5
    o, exact, _ = linear_case(9, 40, False, mask)
    assert (np.abs(o - exact) <= 0.5 + 2.0**-11 * np.abs(exact) + 1e-9).all()
    nothing, _, _ = linear_case(9, 40, True, np.zeros(40, bool))
    assert (nothing == 0).all()


def test_linear_attention_refuses_what_no_feature_map_made() -> None:
    spec, one = LinearAttentionSpec(heads=1), np.ones((1, 4), int)
    with pytest.raises(ValueError, match="reads -1: put elu_plus_one or relu"):
        linear_attention(spec, -one, one, one, *(np.ones(1, int),) * 3, 0)


def test_real_linear_attention_is_onnx_s() -> None:
    """ONNX's operator has no division: a further value of 1 per head gives its divisor."""
    x = RNG.normal(0, 1, (3, 12, HEADS * DEPTH))
    q, k, v = elu_plus_one(x[0]), elu_plus_one(x[1]), x[2]
    ones = np.ones((HEADS, 12, 1))
    v_and_one = merge_heads(np.concatenate([split_heads(v, HEADS), ones], axis=-1))
    node = helper.make_node(
        "LinearAttention",
        ["q", "k", "v"],
        ["o", "state"],
        q_num_heads=HEADS,
        kv_num_heads=HEADS,
        update_rule="linear",
        scale=1.0,
    )
    o = evaluate([node], {"q": q[None], "k": k[None], "v": v_and_one[None]}, "o")
    o = split_heads(o[0], HEADS)
    expected = merge_heads(o[..., :-1] / o[..., -1:])
    causal = real_linear(q, k, v, heads=HEADS, causal=True)
    np.testing.assert_allclose(causal, expected, rtol=1e-5, atol=1e-6)
    whole = real_linear(q, k, v, heads=HEADS)
    np.testing.assert_allclose(whole[-1], causal[-1], rtol=1e-9)
    part = real_linear(q[-3:], k, v, heads=HEADS, causal=True)
    np.testing.assert_allclose(part, causal[-3:], rtol=1e-9)


def evaluate(nodes: list, inputs: dict[str, np.ndarray], output: str) -> np.ndarray:
    """The nodes in ONNX's reference evaluator, in single precision."""
    inputs = {name: np.asarray(x, np.float32) for name, x in inputs.items()}
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, x.shape) for n, x in inputs.items()],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
    )
    opset = [helper.make_opsetid("", onnx.defs.onnx_opset_version())]
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=opset)).run(None, inputs)[0]


ADDITIVE = """
    <ir_version: 10, opset_import: ["" : 21]>
    additive (float[N,1,A] q, float[T,A] k, float[T,D] v, float[A] w, bool[T] mask)
    => (float[N,D] o)
    {
        low = Constant<value = float {-1e30}>()
        both = Add(q, k)
        u = Tanh(both)
        scores = MatMul(u, w)
        seen = Where(mask, scores, low)
        p = Softmax<axis = -1>(seen)
        o = MatMul(p, v)
    }
"""


def test_real_additive_attention_is_onnx_s_composition() -> None:
    query, key, value, energy = (
        RNG.normal(0, 1, shape).astype(np.float32) for shape in ((3, 8), (11, 8), (11, 6), (8,))
    )
    mask = np.arange(11) < 9
    given = {"q": query[:, None], "k": key, "v": value, "w": energy, "mask": mask}
    expected = ReferenceEvaluator(parser.parse_model(ADDITIVE)).run(None, given)[0]
    found = real_additive(query, key, value, energy, mask)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("probability_bits", [8, 12])
@pytest.mark.parametrize("spread", [0.5, 3.0])
@pytest.mark.parametrize(("queries", "keys", "width"), [(1, 1, 8), (7, 30, 32), (3, 150, 64)])
def test_additive_attention_is_within_its_bound(
    probability_bits: int, spread: float, queries: int, keys: int, width: int
) -> None:
    spec = AdditiveAttentionSpec(
        attention=AttentionSpec(heads=1, key_block=32, probability_bits=probability_bits)
    )
    # Sums of every size, saturated ones among them.
    query, key = (
        np.clip(np.rint(RNG.normal(0, 8000, (rows, width))), -32768, 32767).astype(int)
        for rows in (queries, keys)
    )
    value = np.rint(RNG.normal(0, 3000, (keys, 20))).astype(int)
    energy = RNG.integers(-127, 128, width)
    unit = spread / (127 * math.sqrt(width))  # worth of a code of energy
    mask = np.arange(keys) < max(1, keys - 5)
    value_scale = np.array([8000])

    requantize = spec.attention.requantize
    score = np.array([unit * math.log2(math.e) * (1 << spec.attention.score_fraction_bits) / 127])
    score_offset, (score,) = fit_multipliers(requantize, [score], CODE_EXPONENTS)
    # The row scale of a static 1 << 15 is 1 << 15: what quantize gives is worth 2**15 / 127.
    score_offset -= 15
    context_offset, (context,) = fit_multipliers(
        requantize, [np.array([OUTPUT_UNIT])], RECIPROCAL_EXPONENTS
    )
    offsets = np.array([score_offset, context_offset])
    o = additive_attention(
        spec, query, key, value, energy, value_scale, score, context, offsets, mask
    )
    v = codes_per_head(spec.attention.operand, value[None], value_scale)[0] * OUTPUT_UNIT
    worth = 2.0**-spec.fraction_bits
    exact = real_additive(query * worth, key * worth, v, energy * unit, mask)
    shift = np.abs(energy).sum() * unit * 0.0041
    smallest_sum = 1 << (probability_bits - 1)
    share = 2.0**-10 + (1.1 * keys + -(-keys // 32)) / smallest_sum + 2 * math.expm1(2 * shift)
    assert (np.abs(o - exact) <= 1 + np.abs(v).max() * share).all()
    # What it is in practice: a hundredth of the largest value at the usual sharpness.
    assert np.abs(o - exact).mean() <= np.abs(v).max() * 0.01 * (1 + spread)


@pytest.mark.parametrize("mask", [None, np.arange(60) % 7 > 1, np.zeros(60, bool)])
def test_additive_attention_is_attention_of_the_energies(mask: np.ndarray | None) -> None:
    """An engine that is given codes of tanh as keys, and one query of the energies' codes."""
    spec = AdditiveAttentionSpec(attention=AttentionSpec(heads=1, key_block=16))
    walk = spec.attention
    rng = np.random.default_rng(22)
    query, key = (rng.integers(-(1 << 14), 1 << 14, (rows, 24)) for rows in (5, 60))
    value, energy = rng.integers(-9000, 9000, (60, 10)), rng.integers(-127, 128, 24)
    value_scale, offsets = np.array([8000]), np.array([6, 32])
    score, context = np.array([40_001]), np.array([50_003])
    found = additive_attention(
        spec, query, key, value, energy, value_scale, score, context, offsets, mask
    )

    allowed = allowed_keys(1, 60, mask)
    v = codes_per_head(walk.operand, value[None], value_scale)
    for one, expected in zip(query, found, strict=True):
        u = interpolate(spec.tanh, saturate(one + key, 16))
        k, scale = quantize(spec.comparison, u, offsets[0])
        row_scale = head_scale(walk.requantize, score, RowScale(*(x[:1] for x in scale)))
        product = energy[None] @ k.T
        x = requantize(walk.requantize, product, HEAD_MULTIPLIER, 0, row_scale)
        steps = walk_keys(walk, x[None], allowed, v)
        divide = move_exponent(reciprocal(walk.reciprocal, steps.total), offsets[1])
        divide = head_scale(walk.requantize, context, divide)
        o = requantize(walk.requantize, steps.context, HEAD_MULTIPLIER, 0, divide)
        np.testing.assert_array_equal(o[0, 0], expected)
        # The scores are spread, and neither scores nor contexts saturate.
        assert np.ptp(x) / (1 << walk.score_fraction_bits) > 2 and np.abs(x).max() < 32767
    largest = np.abs(found).max()
    assert largest == 0 if mask is not None and not mask.any() else 1000 < largest < 32767


def test_a_comparison_without_a_static_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="static_scale must be a magnitude, not None"):
        AdditiveAttentionSpec(comparison=RowScaleSpec())


def test_sums_beyond_the_range_saturate_where_tanh_does() -> None:
    spec = AdditiveAttentionSpec()
    one, offsets = np.array([1 << 15]), np.array([5, 5])
    arguments = (np.full((1, 3), 200), np.array([127, 127]), np.array([300]), one, one, offsets)
    query, key = np.array([[32767, -32768]]), np.array([[32767, -32768]])
    o = additive_attention(spec, query, key, *arguments)
    half = additive_attention(spec, query, key // 2, *arguments)
    assert (o == half).all()


def test_a_bias_token_is_one_more_key_for_every_query() -> None:
    """ONNX's Attention with a further key and value; causal rows see it too."""
    q, k, v = RNG.normal(0, 1, (3, 7, HEADS * DEPTH)).astype(np.float32)
    bias_k, bias_v = RNG.normal(0, 1, (2, 1, HEADS * DEPTH)).astype(np.float32)
    for causal in (False, True):
        found = real_attention(
            q, prepend(k, bias_k), prepend(v, bias_v), heads=HEADS, causal=causal
        )
        seen = np.tril(np.ones((7, 7))) if causal else np.ones((7, 7))
        mask = np.where(np.hstack([np.ones((7, 1)), seen]) > 0, 0, -1e30)
        node = helper.make_node(
            "Attention", ["q", "k", "v", "mask"], ["o"], q_num_heads=HEADS, kv_num_heads=HEADS
        )
        given = {
            "q": q[None],
            "k": np.concatenate([bias_k, k])[None],
            "v": np.concatenate([bias_v, v])[None],
            "mask": mask,
        }
        np.testing.assert_allclose(found, evaluate([node], given, "o")[0], rtol=1e-4, atol=1e-5)


def test_another_scale_of_the_scores() -> None:
    q, k, v = RNG.normal(0, 1, (3, 5, 8))
    expected = real_attention(q * math.sqrt(8), k, v, heads=1)
    np.testing.assert_allclose(real_attention(q, k, v, heads=1, scale=1.0), expected, rtol=1e-12)
