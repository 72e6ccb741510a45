"""``python -m golden describe``."""

from collections.abc import Callable
from pathlib import Path

import click
from rich.table import Table

from golden.commands.report import json_option, terminal, write
from golden.graph import Graph
from golden.models import g2p, minilm, netra, silero, vit
from golden.networks.describe import describe, length_names
from golden.networks.published import PUBLISHED

# In integers where weights and samples are at hand, otherwise in 32-bit floats: of silero with its
# values, of published networks without.
NETWORKS: dict[str, Callable[[], Graph]] = {
    "g2p": g2p.integer_network,
    "minilm": minilm.integer_network,
    "netra": netra.integer_network,
    "silero": lambda: silero.silero().network,
    "vit_digits": vit.integer_network,
    **PUBLISHED,
}


@click.command(name="describe")
@click.argument("network")
@click.option("--tokens", default=64, help="Length for which work and sizes are counted.")
@json_option
def describe_network(network: str, tokens: int, json_file: Path | None) -> None:
    """Operators, multiply-accumulates and bytes of NETWORK."""
    if network not in NETWORKS:
        raise ValueError(f"network must be one of {sorted(NETWORKS)}, not {network!r}")
    graph = NETWORKS[network]()
    sizes = describe(graph, dict.fromkeys(length_names(graph), tokens))
    table = Table(title=f"{network}, {tokens} tokens")
    for heading in ("operator", "kind", "shape"):
        table.add_column(heading)
    for heading in ("MACs", "constant bytes", "output bytes"):
        table.add_column(heading, justify="right")
    for size in sizes:
        counts = (size.macs, size.constant_bytes, size.output_bytes)
        shape = " x ".join(map(str, size.shape))
        table.add_row(size.name, size.kind, shape, *(f"{count:,}" for count in counts))
    table.add_section()
    totals = [
        sum(getattr(size, column) for size in sizes)
        for column in ("macs", "constant_bytes", "output_bytes")
    ]
    table.add_row(f"{len(sizes)} operators", "", "", *(f"{total:,}" for total in totals))
    terminal().print(table)
    write(json_file, {"network": network, "operators": [size._asdict() for size in sizes]})
