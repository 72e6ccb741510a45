"""Payloads of the engine's streams, and of the lines between its parts."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from golden.operator_spec import AttentionSpec
from golden.spec import ceil_log2
from hw.engine.plan import CODE_BITS, EnginePlan


def job_layout(spec: AttentionSpec, plan: EnginePlan) -> data.StructLayout:
    """One head of up to ``plan.rows`` queries, with all that differs from network to network.

    queries, keys
        How many there are; at least one of each.
    beats
        Of a query, key or value: its elements over ``plan.lanes``; at least one.
    causal, position
        With ``causal`` query ``n`` sees key ``t`` only if ``t <= position + n``; a token that all
        see stands in front of the keys.
    probability_bits
        Width of the codes of probabilities, at most the spec's and at least its fraction bits.
    score_multiplier, context_multiplier
        Of the head. Powers of two on the scores' scale are in the queries' row scales.
    context_offset
        Power of two on the scale ``1 / sum``.
    """
    multiplier = unsigned(spec.requantize.multiplier_bits)
    count = ceil_log2(plan.longest + 1)
    return data.StructLayout({
        "queries": unsigned(ceil_log2(plan.rows + 1)),
        "keys": unsigned(count),
        "beats": unsigned(plan.beats.bit_length()),
        "causal": unsigned(1),
        "position": signed(count + 1),
        "probability_bits": unsigned(spec.probability_bits.bit_length()),
        "score_multiplier": multiplier,
        "context_multiplier": multiplier,
        "context_offset": signed(spec.requantize.exponent_bits + 1),
    })


def rows_layout(spec: AttentionSpec, plan: EnginePlan, name: str) -> data.StructLayout:
    """What a reader of a job's rows must know of it: how many, the field ``name``, how long."""
    job = job_layout(spec, plan).members
    return data.StructLayout({"count": job[name], "beats": job["beats"]})


def operand_layout(plan: EnginePlan) -> data.ArrayLayout:
    """A beat of operands: ``lanes`` bytes."""
    return data.ArrayLayout(unsigned(CODE_BITS), plan.lanes)


def input_layout(spec: AttentionSpec, plan: EnginePlan) -> data.ArrayLayout:
    """What enters the lanes in a cycle: signed codes or probabilities."""
    return data.ArrayLayout(unsigned(max(CODE_BITS, spec.probability_bits)), plan.lanes)


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
        Of the job's queries.
    row, index, group, set
        The query; which part of it or of the probabilities is the input; which part of its context
        is the result; the weight set.
    fresh, final
        The first block of keys, before which the context is zero; the last block.
    first, last
        The first and the last part of a sum.
    row_ends, ends
        The last of this query; the last use of this block's keys, or values.
    """
    flags = ("fresh", "final", "first", "last", "row_ends", "ends")
    index = max(plan.beats, plan.key_beats(spec))
    return data.StructLayout({
        "context": unsigned(1),
        "bank": unsigned(1),
        "row": unsigned(plan.row_bits),
        "index": unsigned(max(1, ceil_log2(index))),
        "group": unsigned(plan.group_bits(spec)),
        "set": unsigned(plan.column(spec).set_bits),
        **{name: unsigned(1) for name in flags},
    })
