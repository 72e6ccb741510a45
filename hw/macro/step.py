"""What a feeder tells all columns in one cycle, and how many such steps an input vector takes."""

from amaranth.hdl import unsigned
from amaranth.lib import data

from golden.spec import MacroSpec, ceil_log2
from hw.macro.plan import MacroPlan


def digit_count(spec: MacroSpec, plan: MacroPlan) -> int:
    """Digits of ``bits_per_cycle`` bits in one input: the steps of ``fixed``."""
    return -(-spec.input_bits // plan.bits_per_cycle)


def vector_layout(spec: MacroSpec, plan: MacroPlan) -> data.StructLayout:
    """Payload of a macro's inputs: ``tokens`` vectors, their weight set, whether signed."""
    members: dict[str, object] = {
        "data": data.ArrayLayout(
            data.ArrayLayout(unsigned(spec.input_bits), spec.lanes), plan.tokens
        ),
        "set": unsigned(spec.set_bits),
    }
    if spec.input_sign == "either":
        members["signed"] = unsigned(1)
    return data.StructLayout(members)


def weights_layout(spec: MacroSpec, plan: MacroPlan) -> data.StructLayout:
    """Payload of a macro's weights: ``weight_lanes`` lanes of all columns, from ``lane`` on."""
    row = data.ArrayLayout(unsigned(spec.weight_bits), spec.columns)
    return data.StructLayout({
        "data": data.ArrayLayout(row, plan.weight_lanes),
        "lane": unsigned(spec.lane_bits),
        "set": unsigned(spec.set_bits),
    })


def step_layout(spec: MacroSpec, plan: MacroPlan) -> data.StructLayout:
    """Payload between a feeder and the columns.

    digits, negative, signs
        Per token and lane ``bits_per_cycle`` bits; the top one counts negative where ``negative``;
        a lane's product is negated where its bit of ``signs`` is set (sign-magnitude only).
    helpers
        Per helper lane: the lane that it serves, one digit of it, how many digits higher than the
        ordinary lanes' it stands, and whether it is negated.
    bits, borrowed, shift, negatives
        ``ring``: per lane one bit, whether it is the left neighbour's, its place and its sign.
    """
    flags = {"set": unsigned(spec.set_bits), "first": unsigned(1), "last": unsigned(1)}
    shift_bits = max(1, ceil_log2(digit_count(spec, plan)))
    if plan.feeder == "ring":
        lanes = unsigned(spec.lanes)
        shift = data.ArrayLayout(unsigned(shift_bits), spec.lanes)
        members = {"bits": lanes, "borrowed": lanes, "shift": shift, "negatives": lanes}
        return data.StructLayout(members | flags)
    digit = unsigned(plan.bits_per_cycle)
    members = {
        "digits": data.ArrayLayout(data.ArrayLayout(digit, spec.lanes), plan.tokens),
        "negative": unsigned(1),
    }
    if plan.encoding == "sign_magnitude":
        members["signs"] = unsigned(spec.lanes)
    if plan.helpers:
        helper = data.StructLayout({
            "lane": unsigned(spec.lane_bits),
            "digit": digit,
            "shift": unsigned(shift_bits),
            "negative": unsigned(1),
        })
        members["helpers"] = data.ArrayLayout(helper, plan.helpers)
    return data.StructLayout(members | flags)
