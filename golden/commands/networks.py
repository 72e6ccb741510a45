"""``python -m golden networks``."""

from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track
from rich.table import Table

from golden.commands.report import json_option, terminal, write
from golden.graph import Graph
from golden.networks.describe import describe, length_names
from golden.networks.instances import INSTANCES, compared, sample
from golden.networks.run import quantize_inputs, run_integer, run_real
from golden.quantize import quantize_network

LEAST = 0.99
"""Cosine below which a network counts as lost."""

LENGTH = 9
"""Tokens of what has no length of its own."""


@click.command()
@json_option
def networks(json_file: Path | None) -> None:
    """A small instance of every network in integers against itself in floats.

    Weights are noise, inputs are seeded; the cosine is the smallest of four inputs, at the output
    or before its softmax. One below 0.99 makes exit code 1.
    """
    rows = [{"network": name, **figures(INSTANCES[name]())} for name in
            track(INSTANCES, "networks", transient=True)]  # fmt: skip
    table = Table(title=f"small instances, {LENGTH} tokens, integers against floats")
    table.add_column("network")
    for heading in ("operators", "MACs", "bytes", "cosine"):
        table.add_column(heading, justify="right")
    for row in rows:
        counts = (f"{row[key]:,}" for key in ("operators", "macs", "constant_bytes"))
        table.add_row(row["network"], *counts, f"{row['cosine']:.5f}")
    terminal().print(table)
    write(json_file, {"networks": rows})
    lost = [row["network"] for row in rows if row["cosine"] < LEAST]
    if lost:
        raise click.ClickException(f"cosine below {LEAST} in integers: {', '.join(lost)}")


def figures(graph: Graph) -> dict[str, Any]:
    """Size of a network's integer form, and its smallest cosine to the real one."""
    integer = quantize_network(graph, [sample(graph, seed) for seed in range(100, 106)])
    sizes = describe(integer, dict.fromkeys(length_names(integer), LENGTH))
    return {
        "operators": len(sizes),
        "macs": sum(size.macs for size in sizes),
        "constant_bytes": sum(size.constant_bytes for size in sizes),
        "cosine": min(likeness(graph, integer, seed) for seed in range(4)),
    }


def likeness(graph: Graph, integer: Graph, seed: int) -> float:
    """Cosine between what both make of the inputs of that seed."""
    given, name = sample(graph, seed, LENGTH), compared(graph)
    x = run_real(graph, given)[name].ravel()
    y = run_integer(integer, quantize_inputs(integer, given))[name].ravel()
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))
