"""Payloads of the engine's streams, and of the lines between its parts."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from golden.operator_spec import AttentionSpec
from golden.spec import ceil_log2
from hw.engine.plan import EnginePlan

BANK_BITS = 2
"""Sums of a job may still be read when the second job after it starts: its bank is another."""


def job_layout(spec: AttentionSpec, plan: EnginePlan) -> data.StructLayout:
    """One head of up to ``plan.rows`` queries.

    queries, keys
        How many there are; at least one of each.
    causal, position
        With ``causal`` query ``n`` sees key ``t`` only if ``t <= position + n``.
    score_multiplier, context_multiplier, context_offset
        Of the head: channel multipliers, and a power of two on the scale ``1 / sum``.
    """
    multiplier = unsigned(spec.requantize.multiplier_bits)
    count = ceil_log2(plan.longest + 1)
    return data.StructLayout({
        "queries": unsigned(ceil_log2(plan.rows + 1)),
        "keys": unsigned(count),
        "causal": unsigned(1),
        "position": signed(count + 1),
        "score_multiplier": multiplier,
        "context_multiplier": multiplier,
        "context_offset": signed(spec.requantize.exponent_bits + 1),
    })


def operand_layout(plan: EnginePlan) -> data.ArrayLayout:
    """A beat of operands: ``lanes`` bytes."""
    return data.ArrayLayout(unsigned(8), plan.lanes)


def scale_layout(spec: AttentionSpec) -> data.StructLayout:
    """A query's row scale, as the lowest bits of its header beat have it."""
    return data.StructLayout({
        "mantissa": unsigned(spec.requantize.mantissa_bits),
        "exponent": signed(spec.requantize.exponent_bits),
    })


def result_layout(spec: AttentionSpec, plan: EnginePlan) -> data.StructLayout:
    """A beat of a query's context; ``last`` ends the query, ``done`` its job."""
    codes = data.ArrayLayout(signed(spec.requantize.output_bits), plan.output_lanes)
    return data.StructLayout({"data": codes, "last": unsigned(1), "done": unsigned(1)})


def command_layout(spec: AttentionSpec, plan: EnginePlan) -> data.StructLayout:
    """What the array does in one cycle.

    context
        1: probabilities times values; 0: a query times keys.
    bank
        Of the job's sums; its lowest bit is that of the job's queries and contexts.
    row, index, set
        The query; which part of it or of the probabilities is the input; the weight set.
    fresh
        The context so far is zero: this is the first block of keys.
    first, last
        The first and the last part of a sum.
    ends, done
        The last use of this block's keys, or values; the last of the job's.
    """
    return data.StructLayout({
        "context": unsigned(1),
        "bank": unsigned(BANK_BITS),
        "row": unsigned(plan.row_bits),
        "index": unsigned(max(1, ceil_log2(max(plan.chunks, plan.key_chunks(spec))))),
        "group": unsigned(max(1, ceil_log2(plan.groups(spec)))),
        "set": unsigned(plan.column(spec).set_bits),
        "fresh": unsigned(1),
        "first": unsigned(1),
        "last": unsigned(1),
        "ends": unsigned(1),
        "done": unsigned(1),
    })
