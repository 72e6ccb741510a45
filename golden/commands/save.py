"""``python -m golden save``."""

from pathlib import Path

import click

from golden.commands.report import terminal
from golden.models import minilm, vit
from golden.networks.file import load_network, save_network

NETWORKS = {"minilm": minilm.integer_network, "vit_digits": vit.integer_network}


@click.command()
@click.argument("network", type=click.Choice(list(NETWORKS)))
@click.argument("file", type=click.Path(path_type=Path))
def save(network: str, file: Path) -> None:
    """Write the integer form of NETWORK as one FILE, and read it back."""
    console = terminal()
    with console.status("calibrating"):
        graph = NETWORKS[network]()
    save_network(graph, file)
    loaded = load_network(file)
    size = file.stat().st_size
    console.print(f"{file}: {len(loaded.operators)} operators, {size:,} bytes")
