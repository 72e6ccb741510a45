"""Blocks of softmax, max-finder and top-k, by name."""

from collections.abc import Mapping
from functools import partial

from golden.configs import MAX_FINDERS, SOFTMAXES, TOP_KS
from golden.operator_spec import MaxFinderSpec
from hw.catalog.block import DEFAULT, Block
from hw.catalog.softmax import reference
from hw.ops.max_finder import MaxFinder
from hw.ops.max_microcode import microcode
from hw.ops.max_steps import MaxSteps
from hw.ops.plan import MaxFinderPlan, MaxStepsPlan, SoftmaxPlan, TopKPlan
from hw.ops.softmax import Softmax
from hw.ops.softmax_divider import SoftmaxDivider
from hw.ops.top_k import TopK

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
