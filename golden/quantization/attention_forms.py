"""The integer forms of attention and of recurrent cells, alone and together."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from golden.graph import Operator
from golden.integer import integer_range, saturate
from golden.operator_spec import (
    AdditiveAttentionSpec,
    AttentionRecurrentSpec,
    AttentionSpec,
    LinearAttentionSpec,
    RecurrentSpec,
    SoftmaxSpec,
)
from golden.quantization.builder import IntegerBuilder
from golden.quantization.calibration import (
    CODE_EXPONENTS,
    LINEAR_ATTENTION_EXPONENTS,
    RECIPROCAL_EXPONENTS,
    UNIT_EXPONENTS,
    bias_codes,
    fit_multipliers,
    weight_codes,
)
from golden.quantization.scales import (
    CELL_SCALE,
    STATE_SCALE,
    state_inputs,
)
from golden.spec import RowScaleSpec

LOG2_E = math.log2(math.e)


def attention(build: IntegerBuilder, operator: Operator) -> None:
    """Static scales per head for K and V; multipliers with log2(e) / sqrt(d) in them."""
    query, key, value, *mask = operator.inputs
    softmax = _softmax(build, operator)
    spec = replace(_attention_spec(build, operator.spec), query=build.rows(query), softmax=softmax)
    depth = build.ranges.width(query) // spec.heads
    factor = operator.spec.get("scale", depth**-0.5) * build.scale[query]
    names = _dot_constants(build, operator, spec, factor, key, value, operator.name)
    build.apply(operator, spec, query, key, value, *names, *mask)


def linear_attention(build: IntegerBuilder, operator: Operator) -> None:
    """Static scales per head for phi(K) and V; the scales of phi(Q) and phi(K) cancel."""
    settings, softmax = build.settings, _softmax(build, operator)
    if softmax is not None:
        _linear_rows(build, operator, softmax)
        return
    # Wider sums than a linear's: products of a sum of products.
    requantize = replace(settings.requantize, accumulator_bits=48)
    spec = LinearAttentionSpec(query=settings.rows, requantize=requantize, **operator.spec)
    query, key, value, *mask = operator.inputs
    key_range, value_range = (_head_range(build, name, spec.heads) for name in (key, value))
    factor = build.scale[value] * value_range / spec.operand.code_limit
    offset, names = build.multipliers(
        operator,
        [factor / build.scale[operator.name]],
        LINEAR_ATTENTION_EXPONENTS,
        ["context_multiplier"],
    )
    ranges = [
        build.constant(operator, "key_scale", key_range),
        build.constant(operator, "value_scale", value_range),
    ]
    offset_name = build.constant(operator, "exponent_offset", offset)
    build.apply(operator, spec, query, key, value, *ranges, *names, offset_name, *mask)


def _softmax(build: IntegerBuilder, operator: Operator) -> SoftmaxSpec | None:
    """That of whole rows, if the operator's kind is to have it."""
    settings = build.settings
    whole = operator.kind in settings.whole_rows
    return SoftmaxSpec(output_bits=settings.softmax_bits) if whole else None


def _linear_rows(build: IntegerBuilder, operator: Operator, softmax: SoftmaxSpec) -> None:
    """Linear attention as attention with linear scores, of a scale that none of them leaves."""
    query, key, value, *mask = operator.inputs
    spec = replace(_attention_spec(build, operator.spec), softmax=softmax, linear=True)
    limit, depth = spec.operand.code_limit, build.ranges.width(query) // spec.heads
    most = integer_range(build.settings.requantize.output_bits)[1]
    score = np.full(spec.heads, most / (depth * spec.query.code_limit * limit))
    names = _head_constants(build, operator, spec, score, key, value, operator.name)
    build.apply(replace(operator, kind="attention"), spec, query, key, value, *names, *mask)


def additive_attention(build: IntegerBuilder, operator: Operator) -> None:
    """Codes of the energy vector; queries and keys have the gates' format already."""
    query, key, value, energy, *mask = operator.inputs
    spec = _additive_spec(build, key)
    names = _additive_constants(build, operator, spec, energy, value)
    build.apply(operator, spec, query, key, value, *names, *mask)


def recurrent(build: IntegerBuilder, operator: Operator) -> None:
    """Weight codes of the recurrent product; the input's product is a linear before it."""
    gates, weight, *rest = operator.inputs
    spec = RecurrentSpec(
        gate_fraction_bits=_fraction_bits(build, gates),
        state=build.settings.rows,
        requantize=build.settings.requantize,
        **(operator.spec or {}),
    )
    states = state_inputs(operator)
    gate_scale = build.scale[gates]
    names = _product(build, operator, "", weight, STATE_SCALE, gate_scale)
    biases = [_gate_bias(build, name, gate_scale) for name in rest if name not in states]
    build.apply(operator, spec, gates, *names, *biases, *_states(build, states))


def attention_recurrent(build: IntegerBuilder, operator: Operator) -> None:
    """Three products of states and contexts, and the constants of the attention."""
    arguments = operator.spec
    cell, additive = arguments.get("cell", "gru"), arguments.get("score", "additive") == "additive"
    gates, key, value, *rest = operator.inputs
    states = state_inputs(operator)
    wq, wc, wh, *rest = rest[len(states) :]
    gate_scale = build.scale[gates]
    bias = [_gate_bias(build, rest.pop(0), gate_scale)] if cell == "gru" else []

    # |h| <= 1: no query leaves the largest sum of a column's weights.
    bound = float(np.abs(build.real.constants[wq]).sum(axis=0).max())
    query_scale = build.scale[key] if additive else bound / integer_range(16)[1]
    products = [
        *_product(build, operator, "query.", wq, STATE_SCALE, query_scale),
        *_product(build, operator, "context.", wc, build.scale[value], gate_scale),
        *_product(build, operator, "", wh, STATE_SCALE, gate_scale),
        *bias,
    ]
    attend: AdditiveAttentionSpec | AttentionSpec
    if additive:
        attend = _additive_spec(build, key)
        names = _additive_constants(build, operator, attend, rest.pop(0), value)
    else:
        attend = _attention_spec(build, {"heads": 1})
        factor = query_scale * build.ranges.width(key) ** -0.5
        names = _dot_constants(build, operator, attend, factor, key, value, value)
    spec = AttentionRecurrentSpec(
        cell=cell,
        recurrent=RecurrentSpec(
            gate_fraction_bits=_fraction_bits(build, gates),
            state=build.settings.rows,
            requantize=build.settings.requantize,
            reset_after=arguments.get("reset_after", False),
        ),
        attention=attend,
    )
    build.apply(
        operator, spec, gates, key, value, *_states(build, states), *products, *names, *rest
    )


def _states(build: IntegerBuilder, names: tuple[str, ...]) -> list[str]:
    """Names of the states to start from; constant ones become codes of h, and of c."""
    for name, scale in zip(names, (STATE_SCALE, CELL_SCALE), strict=False):
        if name in build.real.constants:
            codes = np.floor(build.real.constants[name] / scale + 0.5)
            build.graph.constant(name, saturate(codes, 16).astype(np.int16))
    return list(names)


def _attention_spec(build: IntegerBuilder, arguments: Mapping[str, Any]) -> AttentionSpec:
    settings = build.settings
    return AttentionSpec(
        heads=arguments["heads"],
        causal=arguments.get("causal", False),
        key_block=settings.key_block,
        query=settings.rows,
        operand=RowScaleSpec(output_bits=settings.operand_bits, static_scale=1),
        probability_bits=settings.probability_bits,
        requantize=settings.requantize,
    )


def _additive_spec(build: IntegerBuilder, key: str) -> AdditiveAttentionSpec:
    attend = _attention_spec(build, {"heads": 1})
    return AdditiveAttentionSpec(fraction_bits=_fraction_bits(build, key), attention=attend)


def _fraction_bits(build: IntegerBuilder, name: str) -> int:
    """Fraction bits of a tensor whose scale is a power of two."""
    return -round(math.log2(build.scale[name]))


def _dot_constants(
    build: IntegerBuilder,
    operator: Operator,
    spec: AttentionSpec,
    query_factor: float,
    key: str,
    value: str,
    context: str,
) -> list[str]:
    """What ``attention`` reads after query, key and value; ``query_factor`` has the score's."""
    key_range = _head_range(build, key, spec.heads)
    score = query_factor * build.scale[key] * key_range
    score *= LOG2_E * (1 << spec.score_fraction_bits)
    score /= spec.query.code_limit * spec.operand.code_limit
    return _head_constants(build, operator, spec, score, key, value, context)


def _head_constants(
    build: IntegerBuilder,
    operator: Operator,
    spec: AttentionSpec,
    score: np.ndarray,
    key: str,
    value: str,
    context: str,
) -> list[str]:
    """The same of what a product of codes of query and key is worth in every head's scores."""
    key_range, value_range = (_head_range(build, name, spec.heads) for name in (key, value))
    limit = spec.operand.code_limit
    ratio = build.scale[value] * value_range / (limit * build.scale[context])
    exponents = RECIPROCAL_EXPONENTS
    if spec.softmax is not None:
        ratio, exponents = ratio / spec.softmax.unit, UNIT_EXPONENTS
    row_exponents = UNIT_EXPONENTS if spec.linear else CODE_EXPONENTS
    score_offset, (score,) = fit_multipliers(build.settings.requantize, [score], row_exponents)
    context_offset, (ratio,) = fit_multipliers(build.settings.requantize, [ratio], exponents)
    constants = {
        "key_scale": key_range,
        "value_scale": value_range,
        "score_multiplier": score,
        "context_multiplier": ratio,
        "exponent_offsets": np.array([score_offset, context_offset]),
    }
    return [build.constant(operator, name, x) for name, x in constants.items()]


def _additive_constants(
    build: IntegerBuilder, operator: Operator, spec: AdditiveAttentionSpec, energy: str, value: str
) -> list[str]:
    """What ``additive_attention`` reads after query, key and value."""
    walk = spec.attention
    codes, energy_scale = weight_codes(
        build.real.constants[energy][:, None], build.settings.weight_bits
    )
    value_range = _head_range(build, value, 1)
    score = energy_scale * STATE_SCALE / spec.comparison.code_limit
    score = score * LOG2_E * (1 << walk.score_fraction_bits)
    # The context keeps the values' scale.
    ratio = value_range / walk.operand.code_limit
    score_offset, (score,) = fit_multipliers(build.settings.requantize, [score], CODE_EXPONENTS)
    context_offset, (ratio,) = fit_multipliers(
        build.settings.requantize, [ratio], RECIPROCAL_EXPONENTS
    )
    constants = {
        "value_scale": value_range,
        "score_multiplier": score,
        "context_multiplier": ratio,
        "exponent_offsets": np.array([score_offset, context_offset]),
    }
    names = [build.constant(operator, name, x) for name, x in constants.items()]
    return [build.graph.constant(energy, codes[:, 0]), *names]


def _product(
    build: IntegerBuilder,
    operator: Operator,
    prefix: str,
    weight: str,
    scale: float,
    output_scale: float,
) -> list[str]:
    """Weight codes, multiplier and exponent offset of a product of 16-bit states."""
    codes, weight_scale = weight_codes(build.real.constants[weight], build.settings.weight_bits)
    factor = scale * weight_scale / (build.settings.rows.code_limit * output_scale)
    offset, (multiplier,) = fit_multipliers(build.settings.requantize, [factor], CODE_EXPONENTS)
    return [
        build.graph.constant(weight, codes),
        build.constant(operator, f"{prefix}multiplier", multiplier),
        build.constant(operator, f"{prefix}exponent_offset", offset),
    ]


def _gate_bias(build: IntegerBuilder, name: str, scale: float) -> str:
    codes = bias_codes(build.settings.requantize, build.real.constants[name], scale)
    return build.graph.constant(name, codes)


def _head_range(build: IntegerBuilder, name: str, heads: int) -> np.ndarray:
    """Magnitude of each head's largest code, in the tensor's integers, ``(H,)``."""
    bits = build.settings.operand_bits
    largest = build.operand_ranges.largest(name, bits, heads) / build.scale[name]
    return np.clip(np.ceil(largest), 1, integer_range(16)[1]).astype(np.int64)


ATTENTION_FORMS: dict[str, Callable[[IntegerBuilder, Operator], None]] = {
    "additive_attention": additive_attention,
    "attention": attention,
    "attention_recurrent": attention_recurrent,
    "linear_attention": linear_attention,
    **dict.fromkeys(("rnn", "gru", "lstm"), recurrent),
}
