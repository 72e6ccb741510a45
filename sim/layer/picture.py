"""A picture of a layer's run: what each plan wins in cycles and costs in area."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.layer.report import BASELINE

# Text stays text and the same figures give the same bytes.
_STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "cimera", "font.size": 9}
_COLOR = "#2b6cb0"


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Write the figures of ``sim.layer.report.summary`` as SVG to ``path``.

    Left: times as fast as ``fixed``, one core and one macro alone. Right, where areas were
    measured: the same against the area of one macro's logic; along a grey line speed per area is
    that of ``fixed``. Raise ``ValueError`` without ``fixed`` among the plans.
    """
    plans = found["plans"]
    if BASELINE not in plans:
        raise ValueError(f"a picture compares with {BASELINE!r}: run that plan too")
    with_area = all("area_logic" in figures for figures in plans.values())
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9, 3.4) if with_area else (5, 3.4), layout="constrained")
        axes = figure.subplots(1, 2 if with_area else 1, squeeze=False)[0]
        _draw_speeds(axes[0], plans)
        if with_area:
            _draw_front(axes[1], plans)
        count = len(found["sentences"])
        sentences = f"{count} sentence{'s' * (count > 1)}"
        figure.suptitle(f"all-MiniLM-L6-v2, layer 1, {sentences}, {found['tokens']} tokens")
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(unfinished, format="svg", metadata={"Date": None})
        unfinished.replace(path)


def _draw_speeds(axes: Axes, plans: Mapping[str, Any]) -> None:
    places = range(len(plans))
    for offset, key, label, color in (
        (-0.2, "core_ratio", "one core", _COLOR),
        (0.2, "macro_ratio", "one macro alone", "#a0c4e8"),
    ):
        values = [figures[key] for figures in plans.values()]
        bars = axes.bar([p + offset for p in places], values, 0.4, label=label, color=color)
        axes.bar_label(bars, fmt="%.2f", fontsize=7)
    axes.set_xticks(list(places), list(plans))
    axes.set_ylabel("times as fast as fixed")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_front(axes: Axes, plans: Mapping[str, Any]) -> None:
    areas = [figures["area_logic"] for figures in plans.values()]
    speeds = [figures["macro_ratio"] for figures in plans.values()]
    top = 1.1 * max(areas)
    for slope in (1, 2):
        axes.plot([0, top], [0, slope * top], color="#cccccc", linewidth=1, zorder=0)
        place = (0.7 * top, 0.7 * slope * top)
        axes.annotate(f" speed/area {slope}", place, fontsize=7, va="top", color="#888888")
    axes.scatter(areas, speeds, color=_COLOR)
    for name, area, speed in zip(plans, areas, speeds, strict=True):
        axes.annotate(name, (area, speed), xytext=(5, 4), textcoords="offset points")
    axes.set_xlabel("logic area of one macro, times that of fixed")
    axes.set_ylabel("times as fast as fixed")
    axes.set_xlim(0)
    axes.set_ylim(0)
    axes.spines[["top", "right"]].set_visible(False)
