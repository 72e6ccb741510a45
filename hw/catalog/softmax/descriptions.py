"""What softmax, max-finder and top-k do, in words: formula, time, rules, ports."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from golden.operator_spec import MaxFinderSpec, SoftmaxSpec, TopKSpec
from hw.catalog.port import Description, Port
from hw.ops.max_microcode import microcode
from hw.ops.plan import MaxFinderPlan, MaxStepsPlan, SoftmaxPlan, TopKPlan
from hw.ops.softmax import Softmax
from hw.ops.softmax_divider import SoftmaxDivider

_ROW_RULES = (
    "A row is one beat or more, the last one with i_last; lanes beyond its length are not seen.",
    "Bit k of i_seen tells whether lane k counts.",
)


def _row_ports(values: str) -> dict[str, Port]:
    return {
        "i_data": Port(meaning=values, axes=("lane",)),
        "i_seen": Port(meaning="which lanes count"),
        "i_last": Port(meaning="last beat of the row"),
    }


def _found_ports(stream: str, what: str) -> dict[str, Port]:
    return {
        f"{stream}_value": Port(meaning=f"{what}; the smallest integer if there is none"),
        f"{stream}_index": Port(meaning="its place in the row, of equals the lowest"),
        f"{stream}_any": Port(meaning="whether there is one"),
    }


def _softmax(
    kind: type[Softmax], function: str, spec: SoftmaxSpec, plan: SoftmaxPlan
) -> Description:
    return Description(
        function=f"o_data = {function}, codes of {spec.unit} for 1; scores are logarithms to the "
        f"base 2 with {spec.score_fraction_bits} fraction bits",
        latency=f"{kind.latency(spec, plan)} cycles and twice the beats of the row, from its first "
        "score to its first code",
        throughput=f"one beat of {plan.lanes} scores in a cycle, rows back to back",
        rules=(
            *_ROW_RULES,
            f"A row has at most {plan.longest_beats * plan.lanes} elements.",
            f"A beat of o is {plan.output_groups} of i; what is not seen is 0.",
            "largest must be taken too: one beat for every row.",
        ),
        ports={
            **_row_ports("scores"),
            "o_data": Port(meaning="probabilities", axes=("lane",)),
            "o_last": Port(meaning="last beat of the row"),
            **_found_ports("largest", "largest score"),
        },
    )


def _max_finder(spec: MaxFinderSpec, plan: MaxFinderPlan | MaxStepsPlan) -> Description:
    if isinstance(plan, MaxStepsPlan):
        code = microcode(spec.bits)
        latency = f"{code.cycles} cycles from a row's last element if it is seen, 1 if not"
        throughput = (
            f"an element that is seen in {code.cycles} cycles: one to write it, "
            f"{len(code.compare)} NOR steps to compare, {len(code.select)} to select; "
            "another one in a cycle"
        )
    else:
        latency = f"{plan.stages + 1} cycles from a row's last beat to its result"
        throughput = f"one beat of {plan.lanes} elements in a cycle, rows back to back"
    return Description(
        function="o = max(i_data where i_seen) of each row",
        latency=latency,
        throughput=throughput,
        rules=_ROW_RULES,
        ports={**_row_ports("elements"), **_found_ports("o", "largest element")},
    )


def _top_k(spec: TopKSpec, plan: TopKPlan) -> Description:
    return Description(
        function=f"o = the {spec.k} largest of i_data where i_seen, of each row, in order",
        latency="1 cycle from a row's last element to its first rank",
        throughput="one element in a cycle; a row ends when the ranks before it have left",
        rules=(*_ROW_RULES, f"A row has at most {1 << plan.index_bits} elements."),
        ports={
            **_row_ports("elements"),
            **_found_ports("o", "element of this rank"),
            "o_last": Port(meaning="last rank of the row"),
        },
    )


SOFTMAX_DESCRIPTIONS: Mapping[str, Callable[[Any, Any], Description]] = {
    "softmax": partial(_softmax, Softmax, "2**(x - max - log2(sum 2**(x - max)))"),
    "softmax_divider": partial(_softmax, SoftmaxDivider, "2**(x - max) * (1 / sum 2**(x - max))"),
    "max_finder": _max_finder,
    "top_k": _top_k,
}
