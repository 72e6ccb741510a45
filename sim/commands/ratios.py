"""``python -m sim ratios``."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from golden.models import minilm
from sim import pace
from sim.commands.options import json_option, write_json
from sim.layer.activations import DEFAULT_TEXT, layer_products, split_sentences
from sim.ratios import measure, table


@click.command()
@click.option("--seed", default=1, show_default=True, help="Seed of the shaped inputs.")
@json_option
def ratios(seed: int, json_file: Path | None) -> None:
    """Compare the plans with fixed on the encoder's own activations, by their schedules.

    First one macro; then a core of eight, in lock-step and with the macros' own pace.
    """
    console = Console()
    with console.status("golden: sentences through all layers") as status:
        found: dict[str, Any] = {"macro": measure(seed), "core": {}}
        for title, sentences in {
            "eight short sentences": split_sentences(DEFAULT_TEXT),
            "one paragraph of 118 tokens": [max(minilm.sentences(), key=len)],
        }.items():
            status.update(f"schedules of a core: {title}")
            static = [p for p in layer_products(sentences) if p.head is None]
            found["core"][title] = pace.paces(static)
    console.print(table(found["macro"]))
    for title, paces in found["core"].items():
        console.print(pace.table(f"x faster than fixed, one core, layer 1, {title}", paces))
    console.print(
        "macro: one macro alone; lock-step: every vector takes its slowest macro's steps; depth: "
        "results that a macro may be ahead, 1 by default."
    )
    write_json(json_file, found)
