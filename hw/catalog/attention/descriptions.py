"""What the engine and additive attention do, in words: formula, time, rules, ports."""

from collections.abc import Callable, Mapping
from typing import Any

from golden.operator_spec import AdditiveAttentionSpec, AttentionSpec
from hw.catalog.port import Description, Port
from hw.engine.plan import EnginePlan
from hw.ops.additive_attention import AdditiveAttention
from hw.ops.additive_plan import AdditiveAttentionPlan


def _engine(spec: AttentionSpec, plan: EnginePlan) -> Description:
    block, lanes = spec.key_block, ("lane",)
    return Description(
        function="o = softmax(requantise(Q K^T)) V of one head; scores are logarithms to the base "
        f"2 with {spec.score_fraction_bits} fraction bits, keys are walked in blocks of "
        f"{block}",
        latency="about 22 cycles from a query's last product to its first result",
        throughput=f"{plan.lanes * block} products in a cycle from {block} queries a job on",
        rules=(
            f"A job has 1 to {plan.rows} queries and 1 to {plan.longest} keys.",
            "Jobs are served in their order.",
            f"A head has 1 to {plan.beats} beats of {plan.lanes} codes, a context as many codes.",
            "queries: of each query a header and its beats.",
            "The header has the row scale in its lowest bits: mantissa, then exponent.",
            f"keys_values: of each block of {block} keys, or what is left of them, a header,",
            "then the beats of every key, then those of every value.",
            "Bit k of that header tells whether key k of the block counts.",
            "With jobs_causal query n sees key t only if t <= jobs_position + n.",
        ),
        ports={
            "jobs_queries": Port(meaning="queries of the job"),
            "jobs_keys": Port(meaning="keys of the job"),
            "jobs_beats": Port(meaning="beats of a query, key or value"),
            "jobs_causal": Port(meaning="whether a query sees later keys"),
            "jobs_position": Port(meaning="the last key that the first query sees, with causal"),
            "jobs_probability_bits": Port(
                meaning=f"width of probabilities, {spec.score_fraction_bits} to "
                f"{spec.probability_bits}"
            ),
            "jobs_score_multiplier": Port(meaning="the head's multiplier of scores"),
            "jobs_context_multiplier": Port(meaning="the head's multiplier of contexts"),
            "jobs_context_offset": Port(meaning="power of two on the scale 1 / sum"),
            "queries_data": Port(meaning="header or codes of a query", axes=lanes),
            "keys_values_data": Port(meaning="header, or codes of a key or value", axes=lanes),
            "o_data": Port(meaning="context, consecutive elements", axes=lanes),
            "o_last": Port(meaning="last beat of the query"),
            "o_done": Port(meaning="last beat of the job"),
        },
    )


def _additive_attention(spec: AdditiveAttentionSpec, plan: AdditiveAttentionPlan) -> Description:
    block, lanes = spec.attention.key_block, ("lane",)
    last = Port(meaning="last beat of a row")
    return Description(
        function="o = softmax(requantise(energy . quantise(tanh(query + key)))) V of one query; "
        "scores are logarithms to the base 2 with "
        f"{spec.attention.score_fraction_bits} fraction bits, keys are walked in blocks of "
        f"{block}",
        latency=f"{AdditiveAttention.latency()} cycles from a job's last value to its first "
        f"result, {AdditiveAttention.block_latency(plan)} from a block's last key to its first "
        "value",
        throughput="one beat of a query, of keys or of values in a cycle; a block that is not the "
        f"job's first and raises the largest score waits {plan.parts} cycles for every beat of a "
        "value, and one",
        rules=(
            f"A job has 1 to {plan.longest} keys.",
            f"Rows have at most {plan.width} elements, values at most {plan.depth}.",
            f"A query, then blocks of {block} keys, or what is left of them, and their values.",
            "A row is whole beats, filled up with zeros.",
            "What comes out in place of what fills up a value means nothing.",
            "Energies are loaded while no job is inside.",
            "A job is taken with its last result.",
        ),
        ports={
            "energies_data": Port(meaning="energies of consecutive elements", axes=lanes),
            "energies_beat": Port(meaning="place of the beat, from 0"),
            "jobs_keys": Port(meaning="keys of the job"),
            "jobs_score_multiplier": Port(meaning="multiplier of scores"),
            "jobs_score_offset": Port(meaning="power of two on the scale of scores"),
            "jobs_context_multiplier": Port(meaning="multiplier of contexts"),
            "jobs_context_offset": Port(meaning="power of two on the scale 1 / sum"),
            "queries_data": Port(meaning="consecutive elements of a query", axes=lanes),
            "queries_last": last,
            "keys_data": Port(meaning="consecutive elements of a key", axes=lanes),
            "keys_last": last,
            "keys_seen": Port(meaning="whether the key counts; told with its last beat"),
            "values_data": Port(meaning="consecutive codes of a value", axes=lanes),
            "values_last": last,
            "o_data": Port(meaning="consecutive elements of a context", axes=lanes),
            "o_last": last,
        },
    )


ATTENTION_DESCRIPTIONS: Mapping[str, Callable[[Any, Any], Description]] = {
    "engine": _engine,
    "additive_attention": _additive_attention,
}
