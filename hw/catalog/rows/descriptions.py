"""What the operators over rows do, in words: formula, time, rules, meaning of their ports."""

from collections.abc import Callable, Mapping
from typing import Any

from golden.operator_spec import LayerNormSpec, RecurrentSpec, ResidualAddSpec
from golden.spec import RequantizeSpec, RowScaleSpec
from golden.table_spec import TableSpec
from hw.catalog.port import Description, Port
from hw.ops.activation import Activation
from hw.ops.affine import Affine
from hw.ops.embedding import Embedding
from hw.ops.layer_norm import LayerNorm
from hw.ops.multiply import Multiply
from hw.ops.plan import (
    ActivationPlan,
    AffinePlan,
    LanesPlan,
    LayerNormPlan,
    QuantizeRowsPlan,
    TableShape,
)
from hw.ops.quantize_rows import CODE_STAGES, QuantizeRows
from hw.ops.residual_add import ResidualAdd
from hw.ops.row_moments import RowMoments, reciprocal_fraction_bits
from hw.ops.state_lane import Cell, stage_count
from hw.ops.state_update import has_two_passes

_LANE = ("lane",)
_LAST = Port(meaning="last beat of a row")
_OUTPUT = {
    "o_data": Port(meaning="consecutive elements of a row", axes=_LANE),
    "o_last": _LAST,
}
_INPUT = {f"i_{name[2:]}": port for name, port in _OUTPUT.items()}
_PADDED = "A row is whole beats, filled up with zeros; what comes out in their place means nothing."
_LOADED = "Settings and tables are loaded while no row is inside."
_OFFSET = Port(meaning="what is added to the exponent of every row's scale")


def _stages(stages: int, beats: str = "i") -> dict[str, str]:
    return {
        "latency": f"{stages} cycles from the transfer on {beats} to o_valid; more while a result "
        "waits for o_ready",
        "throughput": "one beat in a cycle",
    }


def _channels(spec: RequantizeSpec) -> dict[str, Port]:
    return {
        "channels_multiplier": Port(meaning="multiplier of a column"),
        "channels_bias": Port(
            meaning=f"bias of the column, {spec.bias_fraction_bits} fraction bits"
        ),
        "channels_channel": Port(meaning="the column"),
    }


def _layer_norm(spec: LayerNormSpec, plan: LayerNormPlan) -> Description:
    numbers, fraction = spec.requantize, spec.mean_fraction_bits
    latency = LayerNorm.latency_of(spec, plan)
    interval = RowMoments.cycles(spec) + 1
    return Description(
        function=f"c = i_data * 2**{fraction} - mean of the row; o_data = saturate(floor(c * "
        f"multiplier * s * 2**(e - {numbers.shift}) + bias * 2**-{numbers.bias_fraction_bits} + "
        f"1/2)) to {numbers.output_bits} bits with s * 2**(e - exponent_offset) = "
        "1 / sqrt(sum(c**2) + epsilon)",
        latency=f"{latency} cycles from the last beat of a row to its first o_valid",
        throughput=f"one beat in a cycle for rows of {spec.width} elements; of shorter rows "
        f"{LayerNorm.units_of(spec, plan)} in {interval} cycles",
        rules=(_PADDED, _LOADED, f"A row has at most {spec.width} elements, settings_width here."),
        ports={
            **_INPUT,
            **_OUTPUT,
            **_channels(numbers),
            "settings_width": Port(meaning="elements of every row"),
            "settings_reciprocal": Port(
                meaning=f"1 / width with {reciprocal_fraction_bits(spec)} fraction bits, rounded "
                f"to 20 + ceil(log2(width)) of them"
            ),
            "settings_epsilon": Port(meaning="what is added to the sum of squares of c"),
            "settings_exponent_offset": _OFFSET,
        },
    )


def _quantize_rows(spec: RowScaleSpec, plan: QuantizeRowsPlan) -> Description:
    latency = QuantizeRows.latency_of(plan)
    return Description(
        function=f"o_data = round(i_data * {spec.code_limit} / m) with the row's largest magnitude "
        f"m, rounded up to {spec.index_bits} bits; mantissa * 2**(exponent - exponent_offset) = m",
        latency=f"{latency} cycles from the last beat of a row to its first o_valid, "
        f"{latency - CODE_STAGES} to scales_valid",
        throughput="one beat in a cycle for rows of one length",
        rules=(
            _PADDED,
            _LOADED,
            f"A row has at most {plan.longest} elements.",
            "Codes of a row may leave before the scale of the row before is taken, no earlier.",
        ),
        ports={
            **_INPUT,
            **_OUTPUT,
            "scales_mantissa": Port(meaning="mantissa of a row's scale"),
            "scales_exponent": Port(meaning="exponent of the row's scale"),
            "settings_static_scale": Port(meaning="m of every row; 0: of each row its own"),
            "settings_exponent_offset": _OFFSET,
        },
    )


def _activation(spec: TableSpec, plan: ActivationPlan) -> Description:
    return Description(
        function=f"o_data = base + floor(rise * r / 2**{spec.remainder_bits} + 1/2) with the "
        f"segment of i_data and the place r in it; {spec.function} unless others are loaded",
        **_stages(Activation.STAGES),
        rules=(_LOADED, "base and base + rise are integers of the output's width."),
        ports={
            **_INPUT,
            **_OUTPUT,
            "table_base": Port(meaning="value at the lower end of a segment"),
            "table_rise": Port(meaning="value at its upper end less base"),
            "table_index": Port(meaning="the segment, from the smallest input on"),
        },
    )


def _pair(stream: str) -> dict[str, Port]:
    return {
        f"{stream}_data": Port(meaning="consecutive elements of a row", axes=_LANE),
        f"{stream}_last": _LAST,
    }


def _residual_add(spec: ResidualAddSpec, plan: LanesPlan) -> Description:
    return Description(
        function=f"o_data = saturate(x_data + y_data) to {spec.bits} bits",
        **_stages(ResidualAdd.STAGES, "x and y"),
        rules=("A beat of x is taken together with one of y.",),
        ports={**_pair("x"), **_pair("y"), **_OUTPUT},
    )


def _multiply(spec: RequantizeSpec, plan: LanesPlan) -> Description:
    return Description(
        function=f"o_data = saturate(floor(x_data * y_data * multiplier * 2**(exponent_offset - "
        f"{spec.shift}) + 1/2)) to {spec.output_bits} bits",
        **_stages(Multiply.STAGES, "x and y"),
        rules=("A beat of x is taken together with one of y.", _LOADED),
        ports={
            **_pair("x"),
            **_pair("y"),
            **_OUTPUT,
            "settings_multiplier": Port(meaning="multiplier of all elements"),
            "settings_exponent_offset": _OFFSET,
        },
    )


def _affine(spec: RequantizeSpec, plan: AffinePlan) -> Description:
    return Description(
        function=f"o_data = saturate(floor(i_data * multiplier * 2**(exponent_offset - "
        f"{spec.shift}) + bias * 2**-{spec.bias_fraction_bits} + 1/2)) to {spec.output_bits} bits",
        **_stages(Affine.STAGES),
        rules=(_PADDED, _LOADED, f"A row has at most {plan.width} elements."),
        ports={
            **_INPUT,
            **_OUTPUT,
            **_channels(spec),
            "settings_exponent_offset": _OFFSET,
        },
    )


def _embedding(spec: TableShape, plan: LanesPlan) -> Description:
    return Description(
        function="o_data = row ids_id of the table; zeros with o_error where it has none",
        latency=f"{Embedding.STAGES} cycles from ids_valid to the first o_valid",
        throughput="one beat of o in a cycle",
        rules=(_LOADED, "An id is taken with the last beat of its row."),
        ports={
            "ids_id": Port(meaning="number of a row"),
            "settings_rows": Port(meaning="rows of the table"),
            "settings_beats": Port(meaning="beats of each row"),
            "table_data": Port(meaning="consecutive elements of a row of the table", axes=_LANE),
            "table_row": Port(meaning="the row"),
            "table_beat": Port(meaning="the beat of the row, from 0 on"),
            **_OUTPUT,
            "o_error": Port(meaning="1: the table has no such row"),
        },
    )


_FUNCTIONS: dict[Cell, str] = {
    "rnn": "new = tanh(gate + product)",
    "gru": "r, z = sigmoid(gates + products); new = z * state + (1 - z) * tanh(gate + r * product)",
    "lstm": "i, f, o = sigmoid(gates + products); other = f * state + i * tanh(gate + product); "
    "new = o * tanh(other)",
}


def _state(cell: Cell) -> Callable[[RecurrentSpec, LanesPlan], Description]:
    def describe(spec: RecurrentSpec, plan: LanesPlan) -> Description:
        axes = ("lane", "gate")
        two_passes = has_two_passes(spec, cell)
        passes = (
            "A state passes twice: with r and z as gates, which gives new = r * state and "
            "other = z; then with i_candidate, the candidate as gate 0, and i_update = z."
        )
        return Description(
            function=_FUNCTIONS[cell],
            **_stages(stage_count(spec, cell)),
            rules=("Sums saturate; every result is rounded once, half up.",)
            + ((passes,) if two_passes else ()),
            ports={
                "i_gates": Port(meaning="what the input gave each gate", axes=axes),
                "i_products": Port(meaning="what the state gave it", axes=axes),
                "i_state": Port(meaning="old states: h, or c of an LSTM", axes=_LANE),
                "i_update": Port(meaning="z for the second pass", axes=_LANE),
                "i_candidate": Port(meaning="1: the second pass"),
                "i_last": _LAST,
                "o_new": Port(meaning="new h, or r * h", axes=_LANE),
                "o_other": Port(meaning="new c of an LSTM, z of a GRU", axes=_LANE),
                "o_last": _LAST,
            },
        )

    return describe


ROW_DESCRIPTIONS: Mapping[str, Callable[[Any, Any], Description]] = {
    "layer_norm": _layer_norm,
    "quantize_rows": _quantize_rows,
    "activation": _activation,
    "residual_add": _residual_add,
    "multiply": _multiply,
    "affine": _affine,
    "embedding": _embedding,
    **{cell: _state(cell) for cell in _FUNCTIONS},
}
