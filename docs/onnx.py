"""Which of ONNX's node tests pass: ``python -m docs.onnx`` writes docs/onnx.md."""

import textwrap
from pathlib import Path

from golden.models.onnx_nodes.table import CLAIMS, RESULTS, check_nodes, count, reasons

PAGE = Path(__file__).resolve().parent / "onnx.md"

OPENING = """# ONNX's node tests

ONNX publishes cases of single nodes with inputs and expected outputs. Golden's real operators run
all cases of every operator that there is one of ours for, to 1e-5; the quantised ones run in
integers, exactly. `python -m golden nodes` prints this table, `make docs` writes it here, and the
tests fail where it differs or where a case fails."""

REASONS = """## Not claimed

Each reason with the cases that it holds for."""

TIES = """## Ties

ONNX rounds what lies half-way between two codes to the even one, Cimera up. These cases have such
numbers; all others of theirs are equal."""


def render() -> str:
    """Return the page."""
    outcomes = check_nodes()
    lines = [f"| operator | here | {' | '.join(RESULTS)} |", "| --- | --- | ---: | ---: | ---: |"]
    counts = count(outcomes)
    for kind, results in counts.items():
        cells = " | ".join(str(results[result]) for result in RESULTS)
        lines.append(f"| {kind} | {CLAIMS[kind].ours} | {cells} |")
    totals = (str(sum(results[result] for results in counts.values())) for result in RESULTS)
    lines.append(f"| {len(counts)} operators | | {' | '.join(totals)} |")
    left_out = [
        textwrap.fill(f"- {kind}: {why}: {', '.join(names)}", 100, subsequent_indent="  ")
        for (kind, why), names in reasons(outcomes).items()
    ]
    ties = [f"- {outcome.name}: {outcome.ties}" for outcome in outcomes if outcome.ties]
    parts = (OPENING, "\n".join(lines), REASONS, "\n".join(left_out), TIES, "\n".join(ties))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
