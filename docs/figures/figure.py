"""A row of the README's results, and how it reads a file of results/."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hw.area.library import GATE_EQUIVALENT


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One row of the table.

    text
        What the figure is.
    result
        Name of the file in results/, without its ending.
    value
        The figure as text, from the file's ``figures``.
    more
        Further files, whose ``figures`` the value takes after those of the first.
    command
        What prints it, where that is not the file's own command.
    """

    text: str
    result: str
    value: Callable[..., str]
    command: str | None = None
    more: tuple[str, ...] = ()


def ratio(*path: str) -> Callable[[Any], str]:
    def value(figures: Any) -> str:
        for key in path:
            figures = figures[key]
        return f"{figures:.2f}"

    return value


def joined(*paths: Sequence[str]) -> Callable[[Any], str]:
    return lambda figures: ", ".join(ratio(*path)(figures) for path in paths)


def area(block: str, library: str, *keys: str) -> Callable[[Any], str]:
    def value(figures: Any) -> str:
        rows = figures["blocks"]
        (row,) = (one for one in rows if (one["block"], one["library"]) == (block, library))
        return " / ".join(f"{row[key]:.2f}" for key in keys)

    return value


def combinational(*blocks: str) -> Callable[[Any], str]:
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


def scores(*targets: str) -> Callable[[Any], str]:
    return lambda figures: ", ".join(f"{figures['targets'][one]['percent']:.1f}" for one in targets)


def lowest_scores(*mutated: Any) -> str:
    """The lowest score of all, then of each row of the operator table its lowest."""
    rows = {
        figures["row"]: min(target["percent"] for target in figures["targets"].values())
        for figures in mutated
    }
    told = ", ".join(f"{row} {percent:.1f}" for row, percent in rows.items())
    return f"{min(rows.values()):.1f} ({told})"
