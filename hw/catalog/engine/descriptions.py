"""What the attention engine does, in words: formula, time, rules, ports."""

from collections.abc import Callable, Mapping
from typing import Any

from golden.operator_spec import AttentionSpec
from hw.catalog.port import Description, Port
from hw.engine.plan import EnginePlan


def _engine(spec: AttentionSpec, plan: EnginePlan) -> Description:
    block, beats = spec.key_block, plan.chunks
    lanes = ("lane",)
    return Description(
        function="o = softmax(requantise(Q K^T)) V of one head; scores are logarithms to the base "
        f"2 with {spec.exponential.fraction_bits} fraction bits, keys are walked in blocks of "
        f"{block}",
        latency="about 40 cycles from a job's last product to its first result",
        throughput=f"{plan.lanes * block} products in a cycle from {block} queries a job on",
        rules=(
            f"A job has 1 to {plan.rows} queries and 1 to {plan.longest} keys.",
            "Jobs are served in their order.",
            f"queries: of each query a header and {beats} beats of codes.",
            "The header has the row scale in its lowest bits: mantissa, then exponent.",
            f"keys_values: of each block of {block} keys, or what is left of them, a header,",
            f"then {beats} beats of every key, then {beats} of every value.",
            "Bit k of that header tells whether key k of the block counts.",
            "With jobs_causal query n sees key t only if t <= jobs_position + n.",
        ),
        ports={
            "jobs_queries": Port(meaning="queries of the job"),
            "jobs_keys": Port(meaning="keys of the job"),
            "jobs_causal": Port(meaning="whether a query sees later keys"),
            "jobs_position": Port(meaning="the last key that the first query sees, with causal"),
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


ENGINE_DESCRIPTIONS: Mapping[str, Callable[[Any, Any], Description]] = {"engine": _engine}
