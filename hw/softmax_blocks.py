"""Blocks of softmax, max-finder and top-k, by name, and what is told of them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from golden.configs import MAX_FINDERS, SOFTMAXES, TOP_KS
from golden.operator_spec import MaxFinderSpec, SoftmaxSpec, TopKSpec
from hw import softmax_reference as reference
from hw.block import DEFAULT, Block
from hw.ops.max_finder import MaxFinder
from hw.ops.max_microcode import microcode
from hw.ops.max_steps import MaxSteps
from hw.ops.plan import MaxFinderPlan, MaxStepsPlan, SoftmaxPlan, TopKPlan
from hw.ops.softmax import Softmax
from hw.ops.softmax_divider import SoftmaxDivider
from hw.ops.top_k import TopK
from hw.port import Description, Port

_SOFTMAX_PLANS = {DEFAULT: SoftmaxPlan(), "16-64": SoftmaxPlan(output_groups=4)}


def max_finder(spec: MaxFinderSpec, plan: MaxFinderPlan | MaxStepsPlan) -> MaxFinder | MaxSteps:
    """The component of either plan."""
    if isinstance(plan, MaxStepsPlan):
        return MaxSteps(spec.bits)
    return MaxFinder(spec.bits, plan)


def _require_steps(spec: MaxFinderSpec, plan: MaxFinderPlan | MaxStepsPlan) -> None:
    if isinstance(plan, MaxStepsPlan):
        microcode(spec.bits)


SOFTMAX_BLOCKS: Mapping[str, Block] = {
    "softmax": Block(
        summary="softmax of rows without a divider",
        specs=SOFTMAXES,
        plans=_SOFTMAX_PLANS,
        create=Softmax,
        beats=partial(reference.softmax_beats, reference.probabilities),
    ),
    "softmax_divider": Block(
        summary="softmax of rows with a divider, for comparison",
        specs=SOFTMAXES,
        plans=_SOFTMAX_PLANS,
        create=SoftmaxDivider,
        beats=partial(reference.softmax_beats, reference.quotients),
    ),
    "max_finder": Block(
        summary="the largest value of a row and where it stands",
        specs=MAX_FINDERS,
        plans={
            DEFAULT: MaxFinderPlan(),
            "radix-4": MaxFinderPlan(radix=4, levels_per_stage=1),
            "steps": MaxStepsPlan(),
        },
        create=max_finder,
        beats=reference.max_finder_beats,
        require=_require_steps,
    ),
    "top_k": Block(
        summary="the largest values of a row in order and where they stand",
        specs=TOP_KS,
        plans={DEFAULT: TopKPlan()},
        create=TopK,
        beats=reference.top_k_beats,
    ),
}

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
