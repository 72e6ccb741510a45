"""``python -m sim rows``."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from golden.models import minilm
from golden.networks.run import run_integer
from hw.accelerator.plan import FEEDERS, PLANS, with_feeder
from hw.yosys import write_atomically
from sim.accelerator.inputs import integer_inputs, use_of
from sim.accelerator.networks import load
from sim.accelerator.timing.measure import measure
from sim.accelerator.timing.pace import TABLE

SENTENCES = slice(30, None, 40)
"""Of the project's own: none of the first three, which runs are shown with."""


@click.command()
@click.option("--json", "json_file", type=click.Path(path_type=Path), default=TABLE,
              show_default="the model's own", help="Write the table here.")  # fmt: skip
def rows(json_file: Path) -> None:
    """Cycles of a row of codes in a core, by feeder, width and product of the sentence encoder.

    Only feeders whose cycles depend on data are measured; `python -m sim estimate` and the model
    beside `python -m sim run` read the table.
    """
    console = Console() if Console().is_terminal else Console(width=110)
    found: dict[str, dict[str, Any]] = {}
    with console.status("golden: sentences through all layers"):
        loaded = load("minilm", PLANS["small"].machine)
        texts = minilm.sentences()[SENTENCES]
        read = use_of("minilm").read
        given = [integer_inputs(loaded, read(text, None)) for text in texts]
        runs = [run_integer(loaded.graph, inputs) for inputs in given]
        for feeder, macro in FEEDERS.items():
            if macro.feeder == "fixed":
                continue
            found[feeder] = {}
            for plan in (with_feeder(plan, feeder) for plan in PLANS.values()):
                products = measure(loaded.graph, plan, runs)
                every = products.pop("every")
                width = str(plan.machine.word_bytes)
                found[feeder][width] = {"every": every, "products": products}
    table = Table(
        "feeder", "bytes of a word", "product", "mean", "tail", title=f"{len(runs)} texts"
    )
    for feeder, widths in found.items():
        for width, row in widths.items():
            for product, (mean, tail) in (("every", row["every"]), *row["products"].items()):
                table.add_row(feeder, width, product, f"{mean:.3f}", f"{tail:.2f}")
    console.print(table)
    write_atomically(json_file, (json.dumps(found, indent=1) + "\n").encode())
