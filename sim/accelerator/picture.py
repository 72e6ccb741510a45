"""A picture of a run: what every unit does over time."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hw.program.instructions import UNITS
from hw.program.program import Program
from sim.accelerator.spans import Span

# Text stays text and the same figures give the same bytes.
_STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "cimera", "font.size": 9}
_LAYER = re.compile(r"^(layer\.\d+|[^.,]+)")


def draw(program: Program, found: Sequence[Span], path: Path, title: str) -> None:
    """Write it as SVG to ``path``: a row per unit, a colour per layer.

    Instructions of a unit that overlap are drawn one after the other, each from the end of the one
    before it.
    """
    groups: dict[str, list[Span]] = {}
    for one in found:
        match = _LAYER.match(program.remarks[one.place])
        groups.setdefault(match[0] if match else "other", []).append(one)
    colors = dict(zip(groups, mpl.color_sequences["tab20"] * len(groups), strict=False))
    units = [unit for unit in UNITS[1:] if any(one.unit == unit for one in found)]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 0.55 * len(units) + 1.6), layout="constrained")
        axes = figure.subplots()
        reached = dict.fromkeys(units, 0)
        for name, group in groups.items():
            for row, unit in enumerate(units):
                bars = []
                for one in sorted((x for x in group if x.unit == unit), key=lambda x: x.end):
                    begin = max(one.begin, reached[unit])
                    reached[unit] = one.end
                    bars.append((begin, one.end - begin))
                axes.broken_barh(bars, (row - 0.4, 0.8), facecolors=colors[name])
        axes.set_yticks(range(len(units)), units)
        axes.invert_yaxis()
        axes.set_xlabel("cycles")
        axes.set_title(title, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        patches = [Patch(color=color, label=name) for name, color in colors.items()]
        figure.legend(handles=patches, ncols=6, fontsize=7, frameon=False, loc="outside lower left")
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(unfinished, format="svg", metadata={"Date": None})
        unfinished.replace(path)
