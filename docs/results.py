"""The README's results, from the files that ``make prove`` writes.

``python -m docs.results`` writes the table between its markers and draws docs/layer.svg. A figure
that was measured on another state of the RTL is marked so.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.area.library import GATE_EQUIVALENT
from sim.commands.prove import RESULTS, step_hash
from sim.layer.picture import draw

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "README.md"
PICTURE = ROOT / "docs/layer.svg"
BEGIN, END = "<!-- results, by `make docs` -->", "<!-- end of results -->"
STALE = "earlier RTL"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One row of the table.

    text
        What the figure is.
    result
        Name of the file in results/, without its ending.
    value
        The figure as text, from the file's ``figures``.
    command
        What prints it, where that is not the file's own command.
    """

    text: str
    result: str
    value: Callable[[Any], str]
    command: str | None = None


def _ratio(*path: str) -> Callable[[Any], str]:
    def value(figures: Any) -> str:
        for key in path:
            figures = figures[key]
        return f"{figures:.2f}"

    return value


def _joined(*paths: Sequence[str]) -> Callable[[Any], str]:
    return lambda figures: ", ".join(_ratio(*path)(figures) for path in paths)


def _area(block: str, library: str, *keys: str) -> Callable[[Any], str]:
    def value(figures: Any) -> str:
        rows = figures["blocks"]
        (row,) = (one for one in rows if (one["block"], one["library"]) == (block, library))
        return " / ".join(f"{row[key]:.2f}" for key in keys)

    return value


def _combinational(*blocks: str) -> Callable[[Any], str]:
    """Gate equivalents without registers, and flip-flops, of each block in generic gates."""

    def value(figures: Any) -> str:
        rows = {row["block"]: row for row in figures["blocks"] if row["library"] == "gates"}
        told = []
        for block in blocks:
            row = rows[block]
            logic = (row["transistors"] - row["flip_flop_transistors"]) / GATE_EQUIVALENT
            told.append(f"{logic:,.0f} + {row['flip_flops']:,}")
        return "; ".join(told)

    return value


def _softmax(key: str) -> Callable[[Any], str]:
    """A figure of the encoder's rows: integers beside the exactly rounded result, 8 and 12 bits."""

    def value(figures: Any) -> str:
        rows = [figures[f"{bits} bits"]["encoder floats"] for bits in (8, 12)]
        return "; ".join(f"{row['integers'][key]:.4f}, {row['rounded'][key]:.4f}" for row in rows)

    return value


def _speed(plan: str) -> Callable[[Any], str]:
    def value(speeds: Sequence[Mapping[str, Any]]) -> str:
        rate = {one["form"]: one["macs_per_second"] for one in speeds if one["plan"] == plan}
        return f"{rate['words'] / 1e6:.0f}, {rate['words'] / rate['gates']:.1f}"

    return value


def _scores(*targets: str) -> Callable[[Any], str]:
    return lambda figures: ", ".join(f"{figures['targets'][one]['percent']:.1f}" for one in targets)


SENTENCES = ("macro", "encoder, 8 sentences")
PARAGRAPH = "one paragraph of 118 tokens"
SPEED_PER_AREA = ("speed_per_area_logic", "speed_per_area_bitcells")
BALANCED = ("ring", "spill-1", "spill-2")


def _balanced(*path: str) -> Callable[[Any], str]:
    return _joined(*((*path, plan) for plan in BALANCED))


def _layer(kind: str, *plans: str) -> Callable[[Any], str]:
    return _joined(*(("plans", plan, kind) for plan in plans))


FIGURES = (
    Figure(
        text="integer encoder against float, mean cosine over 200 sentences",
        result="accuracy",
        value=lambda figures: f"{figures['cosine_mean']:.4f}",
    ),
    Figure(
        text="one core on layer 1 (RTL), times as fast as `fixed`: ring, spill-1, spill-2",
        result="layer",
        value=_layer("core_ratio", *BALANCED),
        command="make sim",
    ),
    Figure(
        text="the same for one macro alone: ring, spill-1, spill-2; published 1.58",
        result="layer",
        value=_layer("macro_ratio", *BALANCED),
        command="make sim",
    ),
    Figure(
        text="the same, default plan (pairs): core, macro",
        result="layer",
        value=_joined(("plans", "pairs", "core_ratio"), ("plans", "pairs", "macro_ratio")),
        command="make sim",
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
        value=_joined(*(("core", PARAGRAPH, plan, "depth 1") for plan in BALANCED)),
    ),
    Figure(
        text="that core with its macros in lock-step",
        result="ratios",
        value=_joined(*(("core", PARAGRAPH, plan, "lock-step") for plan in BALANCED)),
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
        value=_area("macro-pairs", "gates", "times_fixed"),
        command="python -m hw area macro-fixed macro-pairs",
    ),
    *(
        Figure(
            text=f"{words}: speed per area against `fixed`, logic / with 6T cells, `-g {prices}`",
            result="area",
            value=_area(block, library, *SPEED_PER_AREA),
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
            value=_area(f"macro-pairs {sign}", library, *SPEED_PER_AREA),
        )
        for sign in ("signed", "unsigned")
        for library, prices in (("gates", "gates"), ("cmos", "cmos4,XOR,XNOR"))
    ),
    Figure(
        text="default plan: speed per area and clock (logic depth in gates), `-g gates`",
        result="area",
        value=_area("macro-pairs", "gates", *(f"{key}_clocked" for key in SPEED_PER_AREA)),
        command="python -m hw area macro-fixed macro-pairs",
    ),
    *(
        Figure(
            text=f"{plan}: area of one macro's logic, then speed per area, logic / with 6T cells",
            result="area",
            value=_area(f"macro-{plan}", "gates", "times_fixed", *SPEED_PER_AREA),
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
    Figure(
        text="softmax, 16 scores summed and 64 codes a cycle: gate equivalents + flip-flops; "
        "with a divider",
        result="area-softmax",
        value=_combinational("softmax-16-64", "softmax_divider-16-64"),
        command="python -m hw area softmax-16-64 softmax_divider-16-64",
    ),
    *(
        Figure(
            text=f"softmax on the encoder's score rows, {words}: integers, exactly rounded; of 8 "
            "bits, of 12",
            result="softmax",
            value=_softmax(key),
        )
        for words, key in (
            ("KL divergence", "kl"),
            ("mean row-sum error", "row_sum_error"),
            ("same argmax", "same_argmax"),
        )
    ),
    *(
        Figure(
            text=f"mutation score of the {row}'s bench, 200 mutants each, %: {', '.join(targets)}",
            result=f"mutate-{row}",
            value=_scores(*targets),
        )
        for row, targets in (("macro", ("fixed", "pairs", "spill-2")), ("core", ("pairs",)))
    ),
    Figure(
        text="mutation score of the softmax's bench, 100 mutants, %",
        result="mutate-softmax",
        value=_scores("small"),
    ),
    Figure(
        text="inputs for which words and gates were compared, all equal; million",
        result="equivalence",
        value=lambda figures: f"{figures['inputs'] / 1e6:.0f}",
    ),
)


def render(results: Path = RESULTS, rtl: str | None = None) -> str:
    """Return the table; raise ``FileNotFoundError`` naming a result that was not measured."""
    lines = ["| figure | value | command |", "| --- | --- | --- |"]
    for figure in FIGURES:
        path = results / f"{figure.result}.json"
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing: run `python -m sim prove {figure.result}`")
        kept = json.loads(path.read_text())
        value = figure.value(kept["figures"])
        if kept["rtl"] != (rtl or step_hash(figure.result)):
            value += f" ({STALE})"
        lines.append(f"| {figure.text} | {value} | `{figure.command or kept['command']}` |")
    return "\n".join(lines)


def redraw(page: str, table: str) -> str:
    """Return ``page`` with ``table`` between the markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def draw_layer(path: Path, results: Path = RESULTS) -> None:
    """Draw the picture of the layer's run."""
    draw(json.loads((results / "layer.json").read_text())["figures"], path)


if __name__ == "__main__":
    PAGE.write_text(redraw(PAGE.read_text(), render()))
    draw_layer(PICTURE)
