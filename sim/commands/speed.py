"""``python -m sim speed``."""

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from hw.yosys import write_atomically
from sim.layer.activations import DEFAULT_TEXT, layer_products, split_sentences
from sim.speed import measure, table


@click.command()
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here."
)
def speed(json_file: Path | None) -> None:
    """Measure how fast Verilator runs one core, with its arithmetic in words and in gates.

    The work is the query product of encoder layer 1 for eight sentences, held against golden.
    """
    console = Console()
    with console.status("golden: sentences through the encoder") as status:
        products = [p for p in layer_products(split_sentences(DEFAULT_TEXT)) if p.name == "query"]
        found = measure(products, tell=status.update)
    console.print(table(found))
    if json_file is not None:
        rows = [asdict(one) for one in found]
        write_atomically(json_file, (json.dumps(rows, indent=2) + "\n").encode())
