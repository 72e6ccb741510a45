"""``python -m sim bench`` and ``python -m sim list``: the operator table in Verilator."""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from hw.verilog import emit
from sim.benches.operator import RUNS
from sim.commands.options import json_option
from sim.operators import OPERATORS, operator
from sim.row import Operator
from sim.runner import BenchError, run

FOLDER = Path("build") / "bench"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--plan", help="Only this point of the row; `list` shows them.")
@click.option("--seed", type=int, help="Repeat a run; drawn and printed otherwise.")
@click.option("--count", type=int, help="Results of a run; the row's own by default.")
@click.option("--waves", is_flag=True, help="Write dump.vcd: open it with GTKWave or Surfer.")
@json_option
def bench(
    names: tuple[str, ...],
    plan: str | None,
    seed: int | None,
    count: int | None,
    waves: bool,
    json_file: Path | None,
) -> None:
    """Run the Verilator bench of rows NAMES, all of them by default."""
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    chosen = [
        (name, operator(name), point)
        for name in names or OPERATORS
        for point in ([plan] if plan is not None else operator(name).points)
    ]
    for _, row, point in chosen:
        row.point(point)
    console = Console()
    console.print(f"seed {seed}")
    table = Table("row", "point", "idle", "stall", "burst", "beats", "cycles", "verdict")
    lines: list[dict[str, Any]] = []
    failures = []
    with console.status("") as status:
        for name, row, point in chosen:
            status.update(f"{name} {point}")
            verdict, runs = run_point(name, row, point, seed=seed, count=count, waves=waves)
            for one in runs:
                beats = ", ".join(f"{stream} {n}" for stream, n in one["beats"].items())
                traffic = (str(one[share]) for share in ("idle", "stall", "burst"))
                table.add_row(name, point, *traffic, beats, str(one["cycles"]), "bit-exact")
                lines.append({"row": name, "point": point} | one)
            if verdict is not None:
                table.add_row(name, point, "", "", "", "", "", "[red]failed[/red]")
                failures.append(verdict)
    console.print(table)
    if json_file is not None:
        json_file.write_text(json.dumps({"seed": seed, "runs": lines}, indent=2) + "\n")
    if failures:
        raise click.ClickException("\n".join(failures))


@click.command(name="list")
def list_rows() -> None:
    """List the operator table and its points."""
    table = Table("row", "points")
    for name, row in OPERATORS.items():
        table.add_row(name, ", ".join(row.points))
    Console().print(table)


def run_point(
    name: str, row: Operator, point: str, *, seed: int, count: int | None, waves: bool
) -> tuple[str | None, list[dict[str, Any]]]:
    """Run one point's bench; return why it failed, if it did, and a record of each good run."""
    folder = FOLDER / name / point
    runs = folder / RUNS
    runs.unlink(missing_ok=True)
    plusargs: dict[str, object] = {"operator": name, "point": point}
    if count is not None:
        plusargs["count"] = count
    verdict = None
    try:
        run(
            emit(row.component(row.point(point))),
            "sim.benches.operator",
            folder.resolve(),
            seed=seed,
            plusargs=plusargs,
            waves=waves,
        )
    except BenchError as error:
        verdict = str(error)
    records = runs.read_text().splitlines() if runs.exists() else []
    return verdict, [json.loads(record) for record in records]
