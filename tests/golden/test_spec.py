"""Specs refuse what cannot be built, naming the value, and derive their widths."""

from collections.abc import Callable
from typing import Any

import pytest

from golden.operator_spec import AttentionSpec, LayerNormSpec, SoftmaxSpec
from golden.spec import CoreSpec, MacroSpec, RequantizeSpec, RowScaleSpec, ceil_log2
from golden.table_spec import (
    AntilogarithmSpec,
    ExponentialSpec,
    ReciprocalRootSpec,
    ReciprocalSpec,
    TableSpec,
)

WRONG: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (MacroSpec, {"lanes": 0}, "lanes .* not 0"),
    (MacroSpec, {"lanes": True}, "lanes .* not True"),
    (MacroSpec, {"input_bits": 9}, "input_bits .* not 9"),
    (MacroSpec, {"weight_bits": 1}, "weight_bits .* not 1"),
    (MacroSpec, {"input_sign": "maybe"}, "input_sign .* not 'maybe'"),
    (MacroSpec, {"weight_signed": 1}, "weight_signed .* not 1"),
    (RowScaleSpec, {"output_bits": 17}, "output_bits .* not 17"),
    (RowScaleSpec, {"static_scale": 0}, "static_scale .* not 0"),
    (RequantizeSpec, {"shift": 38}, "shift .* not 38"),
    (RequantizeSpec, {"shift": 104}, "shift .* not 104"),
    (RequantizeSpec, {"multiplier_bits": 25}, "multiplier_bits .* not 25"),
    (CoreSpec, {"macros": 0}, "macros .* not 0"),
    (CoreSpec, {"requantize": RequantizeSpec(accumulator_bits=16)}, "accumulator_bits 16"),
    (TableSpec, {"function": "sine"}, "function .* not 'sine'"),
    (TableSpec, {"function": "gelu", "input_bits": 17}, "input_bits .* not 17"),
    (TableSpec, {"function": "gelu", "index_bits": 0}, "index_bits .* not 0"),
    (ExponentialSpec, {"unit": 0}, "unit .* not 0"),
    (ReciprocalSpec, {"fraction_bits": 16}, "fraction_bits .* not 16"),
    (ReciprocalRootSpec, {"index_bits": 1}, "index_bits .* not 1"),
    (LayerNormSpec, {"width": 0}, "width .* not 0"),
    (AntilogarithmSpec, {"fraction_bits": 3}, "fraction_bits .* not 3"),
    (SoftmaxSpec, {"score_bits": 17}, "score_bits .* not 17"),
    (SoftmaxSpec, {"output_bits": 13}, "output_bits .* not 13"),
    (SoftmaxSpec, {"reciprocal": ReciprocalSpec(fraction_bits=7)}, "fraction_bits .* not 7"),
    (AttentionSpec, {"heads": 0}, "heads .* not 0"),
    (AttentionSpec, {"heads": 1, "key_block": 0}, "key_block .* not 0"),
    (AttentionSpec, {"heads": 1, "probability_bits": 7}, "probability_bits .* 8 to 12, not 7"),
]


@pytest.mark.parametrize(("make", "arguments", "message"), WRONG)
def test_a_wrong_value_is_named(
    make: Callable[..., Any], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_ceil_log2() -> None:
    assert [ceil_log2(count) for count in (1, 2, 3, 4, 5, 64, 65)] == [0, 1, 2, 2, 3, 6, 7]


@pytest.mark.parametrize("sign", ["signed", "unsigned", "either"])
@pytest.mark.parametrize("weight_signed", [True, False])
def test_sum_bits_hold_every_sum(sign: str, weight_signed: bool) -> None:
    spec = MacroSpec(
        lanes=3, input_bits=4, weight_bits=3, input_sign=sign, weight_signed=weight_signed
    )
    inputs = {"signed": (-8, 7), "unsigned": (0, 15), "either": (-8, 15)}[sign]
    weights = (-4, 3) if weight_signed else (0, 7)
    products = [x * w for x in inputs for w in weights]
    assert -(1 << (spec.sum_bits - 1)) <= 3 * min(products)
    assert 3 * max(products) < 1 << (spec.sum_bits - 1)


def test_derived_sizes() -> None:
    spec = CoreSpec()
    assert (spec.lanes, spec.columns, spec.row_bits) == (64, 32, 7)
    assert (spec.macro.bitcell_count, spec.macro.set_bits, spec.macro.lane_bits) == (8192, 2, 3)
    assert spec.requantize.exponent_range == (-32, 31)
    assert spec.requantize.product_bits == 64
    assert RowScaleSpec().code_limit == 127


@pytest.mark.parametrize("width", [1, 3, 64, 384, 1000, 65536])
def test_the_reciprocal_of_a_width_is_exact_to_20_bits(width: int) -> None:
    spec = LayerNormSpec(width=width)
    exact = 2.0**spec.reciprocal_fraction_bits / width
    assert abs(spec.reciprocal_width - exact) <= 0.5
    assert exact >= 1 << 19
