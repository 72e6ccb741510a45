"""The README's table of whole networks on the accelerator's RTL, from what ``make prove`` wrote.

``python -m docs.networks`` writes it between its markers.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docs.results import PAGE, STALE, redraw
from sim.commands.networks import lengths
from sim.commands.prove import RESULTS, step_hash

STEP = "networks-rtl"
BEGIN, END = "<!-- networks, by `make docs` -->", "<!-- end of networks -->"
HEADS = ("network", "inputs", "MACs", "cycles", "utilisation", "wall s", "bit-exact tensors")


def render(results: Path = RESULTS, rtl: str | None = None) -> str:
    """Return the table; cycles that were measured on another state of the RTL say so."""
    path = results / f"{STEP}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run `python -m sim prove {STEP}`")
    kept = json.loads(path.read_text())
    mark = "" if kept["rtl"] == (rtl or step_hash(STEP)) else f" ({STALE})"
    lines = [f"| {' | '.join(HEADS)} |", f"| {' | '.join(['---'] * len(HEADS))} |"]
    lines += [_line(row, mark) for row in kept["figures"]["networks"].values()]
    return "\n".join(lines)


def _line(row: Mapping[str, Any], mark: str) -> str:
    cells = (
        *(row["title"], lengths(row), f"{row['macs']:,}", f"{row['cycles']:,}{mark}"),
        *(f"{row['utilisation']:.1%}", f"{row['seconds']:.1f}"),
        str(row["tensors"]) if row["bit_exact"] else "no",
    )
    return f"| {' | '.join(cells)} |"


def draw(page: str, table: str) -> str:
    """Return ``page`` with ``table`` between the markers."""
    return redraw(page, table, BEGIN, END)


if __name__ == "__main__":
    PAGE.write_text(draw(PAGE.read_text(), render()))
