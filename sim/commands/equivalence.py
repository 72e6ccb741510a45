"""``python -m sim equivalence``."""

from dataclasses import asdict
from itertools import chain
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sim.commands.options import json_option, write_json
from sim.equivalence.cases import Case, cases
from sim.equivalence.columns import MacroCase, macro_cases
from sim.equivalence.exhaustion import DifferenceError, Proof, prove, prove_columns


@click.command()
@click.option("--jobs", default=2, show_default=True, help="Cases at a time.")
@json_option
def equivalence(jobs: int, json_file: Path | None) -> None:
    """Prove that words and gates, the two forms of the macro's arithmetic, are one function.

    Every input of small columns with every feeder, product, encoding and sign is compared, and a
    million inputs of each of a few whole ones. Macros with all columns in one module, as the
    accelerator's simulation has them, run beside those with a module for each, a million cycles.
    """
    every, macros = cases(), macro_cases()
    try:
        proofs = _prove(every, macros, jobs)
    except DifferenceError as error:
        raise click.ClickException(str(error)) from error
    order = [*every, *macros]
    proofs.sort(key=lambda proof: order.index(proof.case))
    forms, runs = ([p for p in proofs if p.case in kind] for kind in (every, macros))
    console = Console()
    console.print(_table("Words and gates, equal for every input compared", "inputs", forms))
    title = "All columns of a macro as one module and each by itself, equal in every half cycle"
    console.print(_table(title, "half cycles", runs))
    if json_file is not None:
        record = {
            "inputs": sum(proof.compared for proof in forms),
            "cycles": sum(proof.compared // 2 for proof in runs),
            "cases": [_record(proof) for proof in proofs],
        }
        write_json(json_file, record)


def _prove(every: list[Case], macros: list[MacroCase], jobs: int) -> list[Proof]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("", total=len(every) + len(macros))

        def tell(text: str) -> None:
            progress.update(task, description=text)

        proofs = []
        for proof in chain(prove(every, jobs, tell=tell), prove_columns(macros, jobs, tell=tell)):
            proofs.append(proof)
            progress.advance(task)
        return proofs


def _record(proof: Proof) -> dict[str, object]:
    kept = asdict(proof) | {"name": proof.case.name, "method": proof.case.method}
    del kept["case"]
    return kept


def _table(title: str, unit: str, proofs: list[Proof]) -> Table:
    table = Table(title=title, caption="left out: steps that no feeder can give")
    table.add_column("case", overflow="fold")
    table.add_column("tried")
    for name in (unit, "left out", "seconds"):
        table.add_column(name, justify="right")
    for proof in proofs:
        table.add_row(
            proof.case.name.removesuffix("_" + proof.case.method.replace(" ", "_")),
            proof.case.method,
            f"{proof.compared:,}",
            f"{proof.left_out:,}",
            f"{proof.seconds:.2f}",
        )
    table.add_section()
    inputs, left_out = (sum(getattr(p, name) for p in proofs) for name in ("compared", "left_out"))
    seconds = sum(proof.seconds for proof in proofs)
    table.add_row(f"{len(proofs)} cases", "", f"{inputs:,}", f"{left_out:,}", f"{seconds:.2f}")
    return table
