"""The integer form of each kind of real operator: what it appends to the integer graph."""

import math
from collections.abc import Callable

import numpy as np

from golden.graph import Operator
from golden.integer import saturate
from golden.movement_spec import ConcatSpec, ReshapeSpec, SliceSpec, WindowSpec
from golden.operator_spec import (
    DeltaSpec,
    LayerNormSpec,
    NormalizeSpec,
    PoolSpec,
    ResidualAddSpec,
    SimilaritySpec,
    SoftmaxSpec,
    TopKSpec,
    WindowPoolSpec,
)
from golden.quantization.attention_forms import ATTENTION_FORMS
from golden.quantization.builder import IntegerBuilder
from golden.quantization.calibration import (
    CODE_EXPONENTS,
    RECIPROCAL_EXPONENTS,
    ROOT_EXPONENTS,
    UNIT_EXPONENTS,
    bias_codes,
    fit_multipliers,
)
from golden.table_spec import FUNCTIONS, TableSpec


def embedding(build: IntegerBuilder, operator: Operator) -> None:
    """Table of INT16, by token or by position."""
    table = build.real.constants[operator.inputs[1]]
    codes = _rounded(table, build.scale[operator.name])
    build.apply(operator, None, operator.inputs[0], build.graph.constant(operator.inputs[1], codes))


def residual_add(build: IntegerBuilder, operator: Operator) -> None:
    """Addends share a scale already."""
    spec = ResidualAddSpec(bits=build.settings.requantize.output_bits)
    build.apply(operator, spec, *operator.inputs)


def activation(build: IntegerBuilder, operator: Operator) -> None:
    """Scales are powers of two already, shared but for sigmoid and tanh."""
    fraction_bits = -int(math.log2(build.scale[operator.inputs[0]]))
    spec = TableSpec(
        function=operator.kind,  # type: ignore[arg-type]
        input_fraction_bits=fraction_bits,
        output_unit=round(1 / build.scale[operator.name]),
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


def softmax(build: IntegerBuilder, operator: Operator) -> None:
    """Codes of ``softmax_bits`` bits, the logits being base-2 logarithms already."""
    bits = build.settings.softmax_bits
    fraction_bits = round(math.log2(math.log(2) / build.scale[operator.inputs[0]]))
    spec = SoftmaxSpec(score_fraction_bits=fraction_bits, output_bits=bits)
    scale = 1 / spec.unit
    build.apply(operator, spec, *operator.inputs, bits=bits, scale=scale, signed=False)


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
    factor = np.array(1 / build.scale[operator.name])
    _scaled_rows(build, operator, spec, factor, ROOT_EXPONENTS)


def move(build: IntegerBuilder, operator: Operator) -> None:
    """The same integers elsewhere: one scale already; learned rows are rounded to it."""
    spec = (
        MOVE_SPECS[operator.kind](**(operator.spec or {})) if operator.kind in MOVE_SPECS else None
    )
    inputs = [
        build.graph.constant(
            name, _rounded(build.real.constants[name], build.scale.get(operator.name, 1.0))
        )
        if name in build.real.constants
        else name
        for name in operator.inputs
    ]
    is_mask = operator.name not in build.scale
    numbers = {"bits": 1, "scale": 1.0, "signed": False} if is_mask else {}
    build.apply(operator, spec, *inputs, **numbers)


def _rounded(table: np.ndarray, scale: float) -> np.ndarray:
    """INT16 codes; a mask stays one."""
    if table.dtype.kind == "b":
        return table
    return saturate(np.floor(table / scale + 0.5), 16).astype(np.int16)


def delta(build: IntegerBuilder, operator: Operator) -> None:
    """The threshold in the tensor's integers."""
    threshold = math.floor(operator.spec["threshold"] / build.scale[operator.name] + 0.5)
    build.apply(operator, DeltaSpec(threshold=threshold), *operator.inputs)


def multiply(build: IntegerBuilder, operator: Operator) -> None:
    """One multiplier: the scales of both factors over the product's."""
    x, y = (build.scale[name] for name in operator.inputs)
    factor = x * y / build.scale[operator.name]
    offset, constants = build.multipliers(operator, [factor], UNIT_EXPONENTS)
    offset_name = build.constant(operator, "exponent_offset", offset)
    build.apply(operator, build.settings.requantize, *operator.inputs, *constants, offset_name)


def rescale(build: IntegerBuilder, operator: Operator) -> None:
    """Every column times the ratio of the scales."""
    (source,) = operator.inputs
    width = build.ranges.width(source)
    factor = np.full(width, build.scale[source] / build.scale[operator.name])
    offset, constants = build.multipliers(operator, [factor], UNIT_EXPONENTS)
    build.apply(
        operator,
        build.settings.requantize,
        source,
        *constants,
        build.constant(operator, "exponent_offset", offset),
        build.constant(operator, "bias", np.zeros(width, np.int32)),
    )


def similarity(build: IntegerBuilder, operator: Operator) -> None:
    """One static scale for the second tensor; ``scale`` is in the multiplier."""
    x, y = operator.inputs
    spec = SimilaritySpec(query=build.settings.rows, requantize=build.settings.requantize)
    largest = float(build.operand_ranges.largest(y, spec.operand.output_bits)[0]) / build.scale[y]
    y_range = min(max(math.ceil(largest), 1), (1 << 15) - 1)
    factor = build.scale[x] * build.scale[y] * y_range * operator.spec.get("scale", 1.0)
    factor /= spec.query.code_limit * spec.operand.code_limit * build.scale[operator.name]
    offset, constants = build.multipliers(operator, [factor], CODE_EXPONENTS)
    y_scale = build.constant(operator, "y_scale", y_range)
    offset_name = build.constant(operator, "exponent_offset", offset)
    build.apply(operator, spec, x, y, y_scale, *constants, offset_name)


def batch_norm(build: IntegerBuilder, operator: Operator) -> None:
    """A multiplier and a bias per channel: learned mean and variance are constants."""
    source, *names = operator.inputs
    gain, bias, mean, variance = (build.real.constants[name] for name in names)
    slope = gain / np.sqrt(variance + operator.spec["epsilon"])
    scale = build.scale[operator.name]
    factor = slope * (build.scale[source] / scale)
    offset, constants = build.multipliers(operator, [factor], UNIT_EXPONENTS)
    codes = bias_codes(build.settings.requantize, bias - mean * slope, scale)
    build.apply(
        operator,
        build.settings.requantize,
        source,
        *constants,
        build.constant(operator, "exponent_offset", offset),
        build.graph.constant(names[1], codes),
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


MOVE_SPECS: dict[str, Callable[..., object]] = {
    "concat": ConcatSpec,
    "max_pool": WindowPoolSpec,
    "reshape": ReshapeSpec,
    "slice": SliceSpec,
    "top_k": TopKSpec,
    "windows": WindowSpec,
}

FORMS: dict[str, Callable[[IntegerBuilder, Operator], None]] = {
    **ATTENTION_FORMS,
    "batch_norm": batch_norm,
    "delta": delta,
    "embedding": embedding,
    "l2_normalize": l2_normalize,
    "layer_norm": layer_norm,
    "linear": linear,
    "mean_pool": mean_pool,
    "multiply": multiply,
    "position": embedding,
    "rescale": rescale,
    "residual_add": residual_add,
    "similarity": similarity,
    "softmax": softmax,
    **dict.fromkeys((*MOVE_SPECS, "prepend"), move),
    **dict.fromkeys(FUNCTIONS, activation),
}
