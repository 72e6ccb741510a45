"""The README's table of bitstreams, from what ``make prove`` wrote.

``python -m docs.fpga`` writes it between its markers.
"""

import json
from pathlib import Path
from typing import Any

from docs.results import PAGE, STALE
from sim.commands.prove import BITSTREAMS, RESULTS, step_hash

BEGIN, END = "<!-- bitstreams, by `make docs` -->", "<!-- end of bitstreams -->"
HEADS = ("board", "design", "LUT4", "FF", "RAM", "DSP", "MHz", "GMAC/s", "per 1,000 LUT4")


def step(board: str, design: str) -> str:
    """Name of the measurement."""
    return f"bitstream-{board}-{design}"


def render(results: Path = RESULTS, rtl: str | None = None) -> str:
    """Return the table; a line that was measured on another state of the RTL says so."""
    lines = [f"| {' | '.join(HEADS)} |", f"| {' | '.join(['---'] * len(HEADS))} |"]
    for board, design in BITSTREAMS:
        kept = json.loads((results / f"{step(board, design)}.json").read_text())
        (one,) = kept["figures"]["bitstreams"]
        fresh = kept["rtl"] == (rtl or step_hash(step(board, design)))
        lines.append(_line(one, "" if fresh else f" ({STALE})"))
    return "\n".join(lines)


def _line(one: dict[str, Any], mark: str) -> str:
    rate = one["rate"]
    rates = ("", "") if rate is None else (f"{rate:.2f}", f"{1000 * rate / one['tables']:.2f}")
    counts = [f"{one[key]:,}" for key in ("tables", "registers", "memories", "multipliers")]
    cells = (one["board"], one["design"], *counts, f"{one['megahertz']:.1f}{mark}", *rates)
    return f"| {' | '.join(cells)} |"


def redraw(page: str, table: str) -> str:
    """Return ``page`` with ``table`` between the markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(redraw(PAGE.read_text(), render()))
