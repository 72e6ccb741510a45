"""Rows of the macro and the core."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from docs.figures.figure import Figure, area, joined, scores

SENTENCES = ("macro", "encoder, 8 sentences")
PARAGRAPH = "one paragraph of 118 tokens"
SPEED_PER_AREA = ("speed_per_area_logic", "speed_per_area_bitcells")
BALANCED = ("ring", "spill-1", "spill-2")


def _balanced(*path: str) -> Callable[[Any], str]:
    return joined(*((*path, plan) for plan in BALANCED))


def _layer(kind: str, *plans: str) -> Callable[[Any], str]:
    return joined(*(("plans", plan, kind) for plan in plans))


def _speed(plan: str) -> Callable[[Any], str]:
    def value(speeds: Sequence[Mapping[str, Any]]) -> str:
        rate = {one["form"]: one["macs_per_second"] for one in speeds if one["plan"] == plan}
        return f"{rate['words'] / 1e6:.0f}, {rate['words'] / rate['gates']:.1f}"

    return value


MACRO_FIGURES = (
    Figure(
        text="one core on layer 1 (RTL), times as fast as `fixed`: ring, spill-1, spill-2",
        result="layer",
        value=_layer("core_ratio", *BALANCED),
        command="python -m sim layer",
    ),
    Figure(
        text="the same for one macro alone: ring, spill-1, spill-2; published 1.58",
        result="layer",
        value=_layer("macro_ratio", *BALANCED),
        command="python -m sim layer",
    ),
    Figure(
        text="the same, default plan (pairs): core, macro",
        result="layer",
        value=joined(("plans", "pairs", "core_ratio"), ("plans", "pairs", "macro_ratio")),
        command="python -m sim layer",
    ),
    Figure(
        text="one macro on all six layers, 8 sentences: ring, spill-1, spill-2",
        result="ratios",
        value=_balanced(*SENTENCES),
    ),
    Figure(
        text="the same on one paragraph of 118 tokens",
        result="ratios",
        value=_balanced("macro", f"encoder, {PARAGRAPH}"),
    ),
    Figure(
        text="one core on that paragraph, layer 1",
        result="ratios",
        value=joined(*(("core", PARAGRAPH, plan, "depth 1") for plan in BALANCED)),
    ),
    Figure(
        text="that core with its macros in lock-step",
        result="ratios",
        value=joined(*(("core", PARAGRAPH, plan, "lock-step") for plan in BALANCED)),
    ),
    Figure(
        text="softmax-shaped inputs (128, tensor scale): ring, spill-1, spill-2; published 2.38",
        result="ratios",
        value=_balanced("macro", "softmax of 128, sd 1, tensor scale"),
    ),
    Figure(
        text="GELU-shaped inputs (sd 1, absmax): ring, spill-1, spill-2; published 2.20",
        result="ratios",
        value=_balanced("macro", "GELU of sd 1, absmax"),
    ),
    Figure(
        text="default plan: area of one macro's logic, times `fixed`",
        result="area",
        value=area("macro-pairs", "gates", "times_fixed"),
        command="python -m hw area macro-fixed macro-pairs",
    ),
    *(
        Figure(
            text=f"{words}: speed per area against `fixed`, logic / with 6T cells, `-g {prices}`",
            result="area",
            value=area(block, library, *SPEED_PER_AREA),
            command=f"python -m hw area macro-fixed {block}",
        )
        for words, block in (
            ("default plan", "macro-pairs"),
            ("four tokens a weight read (pairs-4)", "macro-pairs-4"),
        )
        for library, prices in (("gates", "gates"), ("cmos", "cmos4,XOR,XNOR"))
    ),
    *(
        Figure(
            text=f"default plan, {sign} inputs only, the same, `-g {prices}`",
            result="area-signs",
            value=area(f"macro-pairs {sign}", library, *SPEED_PER_AREA),
        )
        for sign in ("signed", "unsigned")
        for library, prices in (("gates", "gates"), ("cmos", "cmos4,XOR,XNOR"))
    ),
    Figure(
        text="default plan: speed per area and clock (logic depth in gates), `-g gates`",
        result="area",
        value=area("macro-pairs", "gates", *(f"{key}_clocked" for key in SPEED_PER_AREA)),
        command="python -m hw area macro-fixed macro-pairs",
    ),
    *(
        Figure(
            text=f"{plan}: area of one macro's logic, then speed per area, logic / with 6T cells",
            result="area",
            value=area(f"macro-{plan}", "gates", "times_fixed", *SPEED_PER_AREA),
            command="make bench",
        )
        for plan in BALANCED
    ),
    *(
        Figure(
            text=f"{plan}: million MACs simulated a second by one core; times its gates form",
            result="speed",
            value=_speed(plan),
        )
        for plan in ("fixed", "pairs")
    ),
    *(
        Figure(
            text=f"mutation score of the {row}'s bench, 200 mutants each, %: {', '.join(targets)}",
            result=f"mutate-{row}",
            value=scores(*targets),
        )
        for row, targets in (("macro", ("fixed", "pairs", "spill-2")), ("core", ("pairs",)))
    ),
    Figure(
        text="inputs for which words and gates were compared, all equal; million",
        result="equivalence",
        value=lambda figures: f"{figures['inputs'] / 1e6:.0f}",
    ),
)
