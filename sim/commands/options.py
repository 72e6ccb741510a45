"""Options that several commands have, and the file that ``--json`` names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hw.accelerator.plan import FEEDERS, PLANS
from hw.yosys import write_atomically
from sim.accelerator.networks import ATTENTION

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

attention_option = click.option(
    "--attention",
    type=click.Choice(ATTENTION),
    default="engine",
    show_default=True,
    help="What computes attention; the numbers are those of its softmax.",
)

feeder_option = click.option(
    "--feeder",
    type=click.Choice(list(FEEDERS)),
    default="pairs",
    show_default=True,
    help="How the cores' macros compute their products.",
)

latency_option = click.option(
    "--latency", default=40, show_default=True, help="Cycles of memory latency."
)

json_option = click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Also write the figures here."
)


def config_option(default: str) -> Decorator:
    """The machine, by the name of its plan."""
    return click.option(
        "--config",
        type=click.Choice(list(PLANS)),
        default=default,
        show_default=True,
        help="The machine.",
    )


def write_json(path: Path | None, figures: Any) -> None:
    """Write figures whole or not at all, where a file is named."""
    if path is not None:
        write_atomically(path, (json.dumps(figures, indent=2) + "\n").encode())
