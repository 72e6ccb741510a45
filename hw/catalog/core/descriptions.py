"""What the macro, the core and the requantizer do, in words: formula, time, rules, ports."""

from collections.abc import Callable, Mapping
from typing import Any

from golden.spec import CoreSpec, MacroSpec, RequantizeSpec
from hw.catalog.port import Description, Port
from hw.core.plan import CorePlan
from hw.macro.plan import MacroPlan
from hw.macro.step import digit_count
from hw.ops.plan import RequantizerPlan
from hw.ops.requantize import Requantizer


def _sign(signed: bool) -> str:
    return "signed" if signed else "unsigned"


def _input_ports(spec: MacroSpec) -> dict[str, Port]:
    by_flag = spec.input_sign == "either"
    sign = "as i_signed tells" if by_flag else spec.input_sign
    return {
        "i_data": Port(meaning="input vectors", axes=("token", "lane"), sign=sign),
        "i_set": Port(meaning=f"weight set to use, 0 to {spec.weight_sets - 1}"),
        "i_signed": Port(meaning="1: i_data is two's complement; 0: it is unsigned"),
    }


def _weight_ports(spec: MacroSpec, plan: MacroPlan) -> dict[str, Port]:
    return {
        "weights_data": Port(
            meaning="weights of consecutive lanes from weights_lane on, all columns of each",
            axes=("lane", "column"),
            sign=_sign(spec.weight_signed),
        ),
        "weights_lane": Port(meaning=f"first lane of the beat, a multiple of {plan.weight_lanes}"),
        "weights_set": Port(meaning=f"weight set to write, 0 to {spec.weight_sets - 1}"),
    }


def _steps(spec: MacroSpec, plan: MacroPlan) -> str:
    """How many steps a beat takes: the formulas of ``hw.macro.schedule`` in words."""
    digits, bits = digit_count(spec, plan), plan.bits_per_cycle
    if plan.feeder == "fixed":
        return f"{digits}, whatever the data"
    formula = {
        "skip": f"ceil(L / {bits}) with the largest length L of the inputs",
        "ring": "least T for which each lane's length is at most T plus what its right neighbour "
        "leaves of its own T",
        "spill": f"least T for which, of all inputs' {bits}-bit digits, those at position T and "
        f"above that are not 0 are at most {plan.helpers} * T",
    }[plan.feeder]
    length = {
        "sign_magnitude": "bits of its magnitude without leading zeros",
        "twos_complement": "bits without redundant leading ones, sign bit included if it is signed",
    }[plan.encoding]
    told = "" if plan.feeder == "spill" else f"; the length of an input is its {length}, 0 for 0"
    return f"{formula}, at least 1 and at most {digits}{told}"


def _macro(spec: MacroSpec, plan: MacroPlan) -> Description:
    return Description(
        function="o_data[token][column] = sum over lanes of "
        "i_data[token][lane] * w[i_set][lane][column], exact",
        latency="steps + 1 cycles from the transfer on i to o_valid; more while a result waits for "
        "o_ready",
        throughput="one beat of i in steps cycles, without gaps",
        steps=_steps(spec, plan),
        rules=(
            "A beat of weights waits by itself while its set is computed with, and only then.",
            "A beat of i uses the weights transferred before it or at the same edge.",
            "Bitcells are undefined until they are written.",
            "Results leave in the order of the inputs.",
        ),
        ports={
            **_input_ports(spec),
            **_weight_ports(spec, plan),
            "o_data": Port(meaning="sums", axes=("token", "column")),
        },
    )


def _core(spec: CoreSpec, plan: CorePlan) -> Description:
    numbers = spec.requantize
    ahead = 10 + (plan.results_ahead > 0)
    return Description(
        function="total[i_row][column] = (0 if i_first else total[i_row][column]) + sum over lanes "
        "of i_data[token][lane] * w[i_set][lane][column]; on i_last the row leaves as "
        + _requantized("total", numbers),
        latency=f"steps + {ahead} cycles from the transfer on i with i_last to the row's first "
        "o_valid, steps being those of the slowest macro; more while anything waits",
        throughput="one beat of i in steps cycles, each macro up to "
        f"{plan.results_ahead} beats ahead of the slowest; {plan.groups(spec)} cycles a row on o",
        steps=_steps(spec.macro, plan.macro),
        rules=(
            "Streams may come at any relative time: the core holds back what comes too early.",
            "Weights: load all lanes of a set, the last beat with weights_last, then use the set.",
            "The last beat of i that uses a set has i_release: it frees the set for new weights.",
            "Channel numbers: load all columns of a set, the last beat with channels_last.",
            "They are needed by sets with i_last, and freed by a beat with i_release and i_last.",
            "Scales: one beat per row that leaves, in their order.",
            "A beat of i with i_last makes one row per token leave, from i_row on.",
            "The first beat of i for a row has i_first.",
        ),
        ports={
            **_input_ports(spec.macro),
            "i_row": Port(meaning=f"row of the first token, a multiple of {plan.macro.tokens}"),
            "i_first": Port(meaning="start the sums of the rows"),
            "i_last": Port(meaning="requantise the rows after this beat"),
            "i_release": Port(meaning="last use of this weight set"),
            **_weight_ports(spec.macro, plan.macro),
            "weights_last": Port(meaning="last beat of the set: inputs wait for it"),
            "channels_multiplier": Port(meaning="multiplier of an output column"),
            "channels_bias": Port(
                meaning=f"bias of the column, {numbers.bias_fraction_bits} fraction bits"
            ),
            "channels_column": Port(meaning="the column"),
            "channels_set": Port(meaning="weight set that the numbers belong to"),
            "channels_last": Port(meaning="last beat of the set: inputs with i_last wait for it"),
            "scales_mantissa": Port(meaning="mantissa of the row's scale"),
            "scales_exponent": Port(meaning="exponent of the row's scale"),
            "o_data": Port(meaning="codes of consecutive columns", axes=("column",)),
            "o_row": Port(meaning="the row"),
            "o_last": Port(meaning="last beat of the row"),
        },
    )


def _requantized(name: str, spec: RequantizeSpec) -> str:
    return (
        f"saturate(floor({name} * multiplier * mantissa * 2**(exponent - {spec.shift}) "
        f"+ bias * 2**-{spec.bias_fraction_bits} + 1/2)) to {spec.output_bits} bits"
    )


def _requantizer(spec: RequantizeSpec, plan: RequantizerPlan) -> Description:
    lanes = ("lane",)
    return Description(
        function=f"o_data[lane] = {_requantized('accumulator', spec)}",
        latency=f"{Requantizer.STAGES} cycles from the transfer on i to o_valid; more while a "
        "result waits for o_ready",
        throughput="one beat in a cycle",
        rules=("i_tag travels with its beat and comes out as o_tag.",),
        ports={
            "i_accumulator": Port(meaning="accumulators", axes=lanes),
            "i_multiplier": Port(meaning="multipliers of the columns", axes=lanes),
            "i_bias": Port(
                meaning=f"biases of the columns, {spec.bias_fraction_bits} fraction bits",
                axes=lanes,
            ),
            "i_mantissa": Port(meaning="mantissa of the row's scale"),
            "i_exponent": Port(meaning="exponent of the row's scale"),
            "i_tag": Port(meaning="any number, passed on"),
            "o_data": Port(meaning="codes", axes=lanes),
            "o_tag": Port(meaning="i_tag of the same beat"),
        },
    )


CORE_DESCRIPTIONS: Mapping[str, Callable[[Any, Any], Description]] = {
    "macro": _macro,
    "core": _core,
    "requantizer": _requantizer,
}
