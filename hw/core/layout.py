"""Payloads of a core's streams, and the buses inside it that carry one signal per column.

Inside a core a row of sums travels as one signal per column: wide vectors cut into slices cost
a simulator several times as much.
"""

from amaranth.hdl import Shape, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import CoreSpec, RequantizeSpec, ceil_log2
from hw.core.plan import CorePlan


def index_shape(count: int) -> Shape:
    """Shape of an index into ``count`` things, one bit at least."""
    return unsigned(max(1, ceil_log2(count)))


def input_layout(spec: CoreSpec, plan: CorePlan) -> data.StructLayout:
    """Input vectors: ``tokens`` times ``lanes`` codes and what to do with their sums.

    ``first`` starts the rows' sums, ``last`` requantises them, ``release`` is the last use of the
    weight set. ``row`` is the first token's row, a multiple of ``tokens``.
    """
    vector = data.ArrayLayout(unsigned(spec.macro.input_bits), spec.lanes)
    members: dict[str, object] = {
        "data": data.ArrayLayout(vector, plan.macro.tokens),
        "set": unsigned(spec.macro.set_bits),
    }
    if spec.macro.input_sign == "either":
        members["signed"] = unsigned(1)
    flags = {name: unsigned(1) for name in ("first", "last", "release")}
    return data.StructLayout(members | {"row": unsigned(spec.row_bits)} | flags)


def weights_layout(spec: CoreSpec, plan: CorePlan) -> data.StructLayout:
    """Weights: ``weight_lanes`` lanes of all columns, from ``lane`` on; ``last`` of the set."""
    lane = data.ArrayLayout(unsigned(spec.macro.weight_bits), spec.columns)
    return data.StructLayout({
        "data": data.ArrayLayout(lane, plan.macro.weight_lanes),
        "lane": index_shape(spec.lanes),
        "set": unsigned(spec.macro.set_bits),
        "last": unsigned(1),
    })


def channels_layout(spec: CoreSpec) -> data.StructLayout:
    """Numbers of one output channel, kept with a weight set; ``last`` of the set."""
    return data.StructLayout({
        "multiplier": unsigned(spec.requantize.multiplier_bits),
        "bias": signed(spec.requantize.bias_bits),
        "column": index_shape(spec.columns),
        "set": unsigned(spec.macro.set_bits),
        "last": unsigned(1),
    })


def scales_layout(spec: RequantizeSpec) -> data.StructLayout:
    """Scale of one row: ``mantissa * 2**exponent``."""
    return data.StructLayout({
        "mantissa": unsigned(spec.mantissa_bits),
        "exponent": signed(spec.exponent_bits),
    })


def output_layout(spec: CoreSpec, plan: CorePlan) -> data.StructLayout:
    """``requantizer_lanes`` columns of one row, in order; ``last`` of the row."""
    output = signed(spec.requantize.output_bits)
    return data.StructLayout({
        "data": data.ArrayLayout(output, plan.lanes(spec)),
        "row": unsigned(spec.row_bits),
        "last": unsigned(1),
    })


def mark_layout(spec: CoreSpec) -> data.StructLayout:
    """What travels beside a vector: its first row and what to do with its sums."""
    return data.StructLayout({
        "row": unsigned(spec.row_bits),
        "set": unsigned(spec.macro.set_bits),
        "first": unsigned(1),
        "last": unsigned(1),
        "release": unsigned(1),
    })


def rows_signature(spec: CoreSpec, plan: CorePlan, bits: int) -> wiring.Signature:
    """One sum of ``bits`` bits per token and column beside their marks, with valid and ready."""
    return wiring.Signature({
        "sums": Out(signed(bits)).array(plan.macro.tokens, spec.columns),
        "mark": Out(mark_layout(spec)),
        "valid": Out(1),
        "ready": In(1),
    })
