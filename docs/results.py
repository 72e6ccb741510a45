"""The README's results, from the files that ``make prove`` writes.

``python -m docs.results`` writes the table between its markers and draws docs/layer.svg. A figure
that was measured on another state of the RTL is marked so.
"""

import json
from pathlib import Path
from typing import Any

from docs.figures.accelerator import ACCELERATOR_FIGURES
from docs.figures.attention import ATTENTION_FIGURES
from docs.figures.macro import MACRO_FIGURES
from docs.figures.networks import NETWORK_FIGURES
from sim.commands.prove import RESULTS, step_hash
from sim.layer.picture import draw

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "README.md"
PICTURE = ROOT / "docs/layer.svg"
BEGIN, END = "<!-- results, by `make docs` -->", "<!-- end of results -->"
STALE = "earlier RTL"
FIGURES = (*NETWORK_FIGURES, *MACRO_FIGURES, *ATTENTION_FIGURES, *ACCELERATOR_FIGURES)


def render(results: Path = RESULTS, rtl: str | None = None) -> str:
    """Return the table; raise ``FileNotFoundError`` naming a result that was not measured."""
    lines = ["| figure | value | command |", "| --- | --- | --- |"]
    for figure in FIGURES:
        kept = {name: _read(results, name) for name in (figure.result, *figure.more)}
        value = figure.value(*(one["figures"] for one in kept.values()))
        if any(one["rtl"] != (rtl or step_hash(name)) for name, one in kept.items()):
            value += f" ({STALE})"
        command = figure.command or kept[figure.result]["command"]
        lines.append(f"| {figure.text} | {value} | `{command}` |")
    return "\n".join(lines)


def _read(results: Path, name: str) -> Any:
    path = results / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run `python -m sim prove {name}`")
    return json.loads(path.read_text())


def redraw(page: str, table: str, begin: str = BEGIN, end: str = END) -> str:
    """Return ``page`` with ``table`` between the markers."""
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"


def draw_layer(path: Path, results: Path = RESULTS) -> None:
    """Draw the picture of the layer's run."""
    draw(json.loads((results / "layer.json").read_text())["figures"], path)


if __name__ == "__main__":
    PAGE.write_text(redraw(PAGE.read_text(), render()))
    draw_layer(PICTURE)
