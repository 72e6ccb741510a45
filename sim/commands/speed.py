"""``python -m sim speed``."""

from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from sim.commands.options import json_option, write_json
from sim.layer.activations import DEFAULT_TEXT, layer_products, split_sentences
from sim.speed import measure, table


@click.command()
@json_option
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
        write_json(json_file, rows)
