"""``python -m sim codes``: real input codes for `python -m hw area --codes`."""

import io
from pathlib import Path

import click
import numpy as np

from hw.yosys import write_atomically
from sim.layer.activations import DEFAULT_TEXT, layer_products, split_sentences
from sim.mapping import groups_of

LANES = 8


@click.command()
@click.option("--text", default=DEFAULT_TEXT, help="Sentences; eight short ones by default.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File.npy.")
def codes(text: str, output: Path) -> None:
    """Write the codes that the six static products of encoder layer 1 feed to macros.

    Signed INT8 in groups of eight lanes, each as often as it is multiplied, so that a plain mean
    over the groups is weighted by MACs.
    """
    static = [p for p in layer_products(split_sentences(text)) if p.head is None]
    fewest = min(p.w.shape[1] for p in static)
    groups = [
        np.tile(groups_of(p.x, LANES).reshape(-1, LANES), (p.w.shape[1] // fewest, 1))
        for p in static
    ]
    content = io.BytesIO()
    np.save(content, np.concatenate(groups).astype(np.int8))
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, content.getvalue())
    click.echo(f"{sum(map(len, groups))} groups of {LANES} codes in {output}")
