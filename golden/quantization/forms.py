"""The integer form of each kind of real operator: what it appends to the integer graph."""

import math
from collections.abc import Callable

import numpy as np

from golden.graph import Operator
from golden.operator_spec import (
    AttentionSpec,
    LayerNormSpec,
    NormalizeSpec,
    PoolSpec,
    RecurrentSpec,
    ResidualAddSpec,
    SoftmaxSpec,
)
from golden.quantization.builder import IntegerBuilder
from golden.quantization.calibration import (
    CODE_EXPONENTS,
    GATE_FRACTION_BITS,
    RECIPROCAL_EXPONENTS,
    ROOT_EXPONENTS,
    bias_codes,
    fit_multipliers,
    weight_codes,
)
from golden.table_spec import FUNCTIONS, ExponentialSpec, TableSpec

LOG2_E = math.log2(math.e)


def embedding(build: IntegerBuilder, operator: Operator) -> None:
    """Table of INT16, by token or by position."""
    scale = build.scale[operator.name]
    table = build.real.constants[operator.inputs[1]]
    codes = np.floor(table / scale + 0.5).astype(np.int16)
    build.apply(operator, None, operator.inputs[0], build.graph.constant(operator.inputs[1], codes))


def residual_add(build: IntegerBuilder, operator: Operator) -> None:
    """Addends share a scale already."""
    spec = ResidualAddSpec(bits=build.settings.requantize.output_bits)
    build.apply(operator, spec, *operator.inputs)


def activation(build: IntegerBuilder, operator: Operator) -> None:
    """Input and output share a power of two as scale already."""
    fraction_bits = -int(math.log2(build.scale[operator.name]))
    spec = TableSpec(
        function=operator.kind,  # type: ignore[arg-type]
        input_fraction_bits=fraction_bits,
        output_unit=1 << fraction_bits,
    )
    build.apply(operator, spec, operator.inputs[0])


def linear(build: IntegerBuilder, operator: Operator) -> None:
    """Codes of the input, codes of the weight, one multiplier per channel."""
    source, weight, bias = operator.inputs
    build.codes(source)
    spec, scale = build.settings.requantize, build.scale[operator.name]
    build.apply(
        operator,
        spec,
        f"{source}.codes",
        f"{source}.row_scale",
        weight,
        f"{operator.name}.multiplier",
        build.graph.constant(bias, bias_codes(spec, build.real.constants[bias], scale)),
    )


def attention(build: IntegerBuilder, operator: Operator) -> None:
    """Static scales per head for K and V; multipliers with log2(e) / sqrt(d) in them."""
    settings = build.settings
    arguments = operator.spec
    exponential = ExponentialSpec(unit=(1 << settings.probability_bits) - 1)
    spec = AttentionSpec(
        heads=arguments["heads"],
        causal=arguments.get("causal", False),
        key_block=settings.key_block,
        query=settings.rows,
        exponential=exponential,
        requantize=settings.requantize,
    )
    query, key, value = (build.scale[name] for name in operator.inputs[:3])
    key_range, value_range = (_head_range(build, name, spec.heads) for name in operator.inputs[1:3])
    limit, operand_limit = spec.query.code_limit, spec.operand.code_limit
    depth = len(build.largest[operator.inputs[0]]) // spec.heads
    score_factor = query * key * key_range / (limit * operand_limit)
    score_factor *= LOG2_E / math.sqrt(depth) * (1 << exponential.fraction_bits)
    context_factor = value * value_range / (operand_limit * build.scale[operator.name])
    score_offset, (score,) = fit_multipliers(settings.requantize, [score_factor], CODE_EXPONENTS)
    context_offset, (context,) = fit_multipliers(
        settings.requantize, [context_factor], RECIPROCAL_EXPONENTS
    )
    constants = {
        "key_scale": key_range,
        "value_scale": value_range,
        "score_multiplier": score,
        "context_multiplier": context,
        "exponent_offsets": np.array([score_offset, context_offset]),
    }
    names = [build.graph.constant(f"{operator.name}.{name}", x) for name, x in constants.items()]
    build.apply(operator, spec, *operator.inputs[:3], *names, *operator.inputs[3:])


def _head_range(build: IntegerBuilder, name: str, heads: int) -> np.ndarray:
    """Largest magnitude of each head, in the tensor's integers, ``(H,)``."""
    largest = build.largest[name].reshape(heads, -1).max(axis=1) / build.scale[name]
    return np.maximum(np.ceil(largest), 1).astype(np.int64)


def softmax(build: IntegerBuilder, operator: Operator) -> None:
    """Codes of ``probability_bits`` bits, the logits being base-2 logarithms already."""
    unit = (1 << build.settings.probability_bits) - 1
    fraction_bits = round(math.log2(math.log(2) / build.scale[operator.inputs[0]]))
    spec = SoftmaxSpec(
        exponential=ExponentialSpec(
            unit=(unit + 1) << 7, fraction_bits=fraction_bits, index_bits=min(6, fraction_bits)
        ),
        output=ExponentialSpec(unit=unit, fraction_bits=13, index_bits=6),
    )
    bits = build.settings.probability_bits
    build.apply(operator, spec, *operator.inputs, bits=bits, scale=1 / unit, signed=False)


def layer_norm(build: IntegerBuilder, operator: Operator) -> None:
    """Gain times sqrt(width) as signed multiplier."""
    source, gain, bias = operator.inputs
    width = len(build.real.constants[gain])
    spec = LayerNormSpec(width=width, requantize=build.settings.requantize)
    scale = build.scale[operator.name]
    factor = build.real.constants[gain] * (math.sqrt(width) / scale)
    offset, (multiplier,) = fit_multipliers(spec.requantize, [factor], ROOT_EXPONENTS)
    # epsilon joins the sum of squared deviations, which have fraction bits.
    unit = build.scale[source] * 2.0**-spec.mean_fraction_bits
    epsilon = int(operator.spec["epsilon"] * width / unit**2 + 0.5)
    build.apply(
        operator,
        spec,
        source,
        build.graph.constant(f"{operator.name}.multiplier", multiplier),
        build.graph.constant(bias, bias_codes(spec.requantize, build.real.constants[bias], scale)),
        build.graph.constant(f"{operator.name}.epsilon", epsilon),
        build.graph.constant(f"{operator.name}.exponent_offset", offset),
    )


def mean_pool(build: IntegerBuilder, operator: Operator) -> None:
    """One multiplier: the ratio of the scales."""
    spec = PoolSpec(requantize=build.settings.requantize)
    factor = np.array(build.scale[operator.inputs[0]] / build.scale[operator.name])
    _scaled_rows(build, operator, spec, factor, RECIPROCAL_EXPONENTS)


def l2_normalize(build: IntegerBuilder, operator: Operator) -> None:
    """Unit vectors with 2**(1 - bits) as scale."""
    spec = NormalizeSpec(requantize=build.settings.requantize)
    bits = spec.requantize.output_bits
    build.scale[operator.name] = 2.0 ** (1 - bits)
    factor = np.array(2.0 ** (bits - 1))
    _scaled_rows(build, operator, spec, factor, ROOT_EXPONENTS)


def recurrent(build: IntegerBuilder, operator: Operator) -> None:
    """Weight codes of the recurrent product; the input's product is a linear before it."""
    _, weight, *bias = operator.inputs
    spec = RecurrentSpec(
        gate_fraction_bits=GATE_FRACTION_BITS,
        requantize=build.settings.requantize,
        **(operator.spec or {}),
    )
    codes, scale = weight_codes(build.real.constants[weight], build.settings.weight_bits)
    gate_scale = build.scale[operator.inputs[0]]
    factor = build.scale[operator.name] * scale / (spec.state.code_limit * gate_scale)
    offset, (multiplier,) = fit_multipliers(spec.requantize, [factor], CODE_EXPONENTS)
    constant = build.graph.constant
    build.apply(
        operator,
        spec,
        operator.inputs[0],
        constant(weight, codes),
        constant(f"{operator.name}.multiplier", multiplier),
        constant(f"{operator.name}.exponent_offset", offset),
        *(
            constant(name, bias_codes(spec.requantize, build.real.constants[name], gate_scale))
            for name in bias
        ),
    )


def _scaled_rows(
    build: IntegerBuilder,
    operator: Operator,
    spec: PoolSpec | NormalizeSpec,
    factor: np.ndarray,
    exponents: tuple[int, int],
) -> None:
    """One multiplier for all columns beside a row scale that the operator computes."""
    offset, (multiplier,) = fit_multipliers(spec.requantize, [factor], exponents)
    build.apply(
        operator,
        spec,
        operator.inputs[0],
        build.graph.constant(f"{operator.name}.multiplier", multiplier),
        build.graph.constant(f"{operator.name}.exponent_offset", offset),
    )


FORMS: dict[str, Callable[[IntegerBuilder, Operator], None]] = {
    "attention": attention,
    "embedding": embedding,
    "l2_normalize": l2_normalize,
    "layer_norm": layer_norm,
    "linear": linear,
    "mean_pool": mean_pool,
    "position": embedding,
    "residual_add": residual_add,
    "softmax": softmax,
    **dict.fromkeys(("rnn", "gru", "lstm"), recurrent),
    **dict.fromkeys(FUNCTIONS, activation),
}
