"""``python -m sim mutate``."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sim.commands.options import json_option, write_json
from sim.mutation.score import Score, measure
from sim.mutation.targets import targets


@click.command()
@click.argument("name")
@click.option("--point", help="Only this target of the row; all by default.")
@click.option("--count", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seed", default=1, show_default=True, help="Chooses the mutants.")
@click.option("--require", default=0.0, show_default=True, help="Least score in percent.")
@click.option(
    "--proof-seconds",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="For each of the two proofs of a survivor.",
)
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True)
@json_option
def mutate(
    name: str,
    point: str | None,
    count: int,
    seed: int,
    require: float,
    proof_seconds: int,
    jobs: int,
    json_file: Path | None,
) -> None:
    """Score the bench of row NAME: what share of small faults it sees.

    A fault that the bench does not see counts against it, unless it is proved to change nothing
    that the streams show.
    """
    row, points = targets(name)
    if point is not None and point not in points:
        raise ValueError(f"no target {point!r} of {name}: use one of {', '.join(points)}")
    scores = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        for chosen in points if point is None else [point]:
            task = progress.add_task(chosen, total=count)

            def tell(text: str, done: int, task: Any = task, chosen: str = chosen) -> None:
                progress.update(task, description=f"{name} {chosen}: {text}", advance=done)

            scores[chosen] = measure(
                row,
                points[chosen],
                count=count,
                seed=seed,
                proof_seconds=proof_seconds,
                jobs=jobs,
                tell=tell,
            )
    _show(name, seed, scores)
    if json_file is not None:
        record = {"row": name, "count": count, "seed": seed, "proof_seconds": proof_seconds}
        targets_record = {chosen: _record(score) for chosen, score in scores.items()}
        write_json(json_file, record | {"targets": targets_record})
    low = [chosen for chosen, score in scores.items() if score.percent < require]
    if low:
        told = ", ".join(f"{chosen} {scores[chosen].percent:.1f} %" for chosen in low)
        raise click.ClickException(f"the score is below {require:g} %: {told}")


def _show(name: str, seed: int, scores: Mapping[str, Score]) -> None:
    table = Table(title=f"Mutants of {name}, seed {seed}", caption="score: killed / (all - equal)")
    table.add_column("target")
    for header in ("mutants", "killed", "proved equal", "left", "score", "seconds"):
        table.add_column(header, justify="right")
    for chosen, score in scores.items():
        counts = (score.mutants, score.killed, score.equal, len(score.survivors) - score.equal)
        shown = [str(count) for count in counts]
        table.add_row(chosen, *shown, f"{score.percent:.1f} %", f"{score.seconds:.0f}")
    console = Console()
    console.print(table)
    for chosen, score in scores.items():
        for one in score.survivors:
            verdict = one.proof or "survived, not proved equal"
            console.print(f"{chosen} {one.mutant}: {verdict}", markup=False, highlight=False)


def _record(score: Score) -> dict[str, Any]:
    return {
        "mutants": score.mutants,
        "killed": score.killed,
        "equal": score.equal,
        "percent": round(score.percent, 2),
        "seconds": round(score.seconds, 1),
        "survivors": [asdict(one.mutant) | {"proof": one.proof} for one in score.survivors],
    }
