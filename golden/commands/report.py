"""How the commands of golden show and write figures."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

json_option = click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Also write the figures here."
)


def terminal() -> Console:
    """The terminal, or 110 columns where the output goes elsewhere."""
    console = Console()
    return console if console.is_terminal else Console(width=110)


def progress(items: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
    """The items, with a bar while they last."""
    return track(list(items), "sentences", transient=True)


def show(console: Console, title: str, figures: dict[str, Any]) -> None:
    """Print figures as a table of two columns."""
    table = Table(title=title, show_header=False)
    for name, value in figures.items():
        text = f"{value:.5g}" if isinstance(value, float) else str(value)
        table.add_row(name.replace("_", " "), text)
    console.print(table)


def write(path: Path | None, figures: dict[str, Any]) -> None:
    """Write figures as JSON where a file is named."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
