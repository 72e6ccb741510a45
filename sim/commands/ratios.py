"""``python -m sim ratios``."""

import json
from pathlib import Path

import click
from rich.console import Console

from hw.yosys import write_atomically
from sim.ratios import measure, table


@click.command()
@click.option("--seed", default=1, show_default=True, help="Seed of the shaped inputs.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here."
)
def ratios(seed: int, json_file: Path | None) -> None:
    """Compare the macro's plans with fixed on the encoder's own activations, by their schedules."""
    console = Console()
    with console.status("golden: sentences through all layers"):
        found = measure(seed)
    console.print(table(found))
    if json_file is not None:
        write_atomically(json_file, json.dumps(found, indent=2).encode())
