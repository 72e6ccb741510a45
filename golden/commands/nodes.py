"""``python -m golden nodes``."""

from importlib import metadata
from pathlib import Path

import click
from rich.table import Table

from golden.commands.report import json_option, terminal, write
from golden.models.onnx_nodes.table import CLAIMS, RESULTS, check_nodes, count, reasons


@click.command()
@json_option
def nodes(json_file: Path | None) -> None:
    """ONNX's published node tests of every operator that there is one of ours for.

    Passed, or not claimed with the reason, or failed; a failed one is named and makes exit code 1.
    """
    console = terminal()
    with console.status("running ONNX's cases"):
        outcomes = check_nodes()
    table = Table(title=f"node tests of onnx {metadata.version('onnx')}")
    for heading in ("operator", "here"):
        table.add_column(heading)
    for heading in RESULTS:
        table.add_column(heading, justify="right")
    counts = count(outcomes)
    for kind, results in counts.items():
        table.add_row(kind, CLAIMS[kind].ours, *(str(results[result]) for result in RESULTS))
    totals = {result: sum(results[result] for results in counts.values()) for result in RESULTS}
    table.add_section()
    table.add_row(f"{len(counts)} operators", "", *map(str, totals.values()))
    console.print(table)
    for (kind, why), names in reasons(outcomes).items():
        console.print(f"not claimed, {kind} {len(names)}: {why}")
    for outcome in outcomes:
        if outcome.ties:
            console.print(f"{outcome.name}: ties rounded up, not to even: {outcome.ties}")
        if outcome.result == "failed":
            console.print(f"failed, {outcome.name}: {outcome.why}", markup=False)
    keys = {result: result.replace(" ", "_") for result in RESULTS}
    figures = {
        **{keys[result]: total for result, total in totals.items()},
        "operators": {k: {keys[r]: found[r] for r in RESULTS} for k, found in counts.items()},
        "cases": [outcome._asdict() for outcome in outcomes],
    }
    write(json_file, figures)
    if totals["failed"]:
        raise click.exceptions.Exit(1)
