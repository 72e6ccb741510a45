"""``python -m golden images``."""

from pathlib import Path

import click
import numpy as np
from rich.progress import track

from golden.commands.report import json_option, show, terminal, write
from golden.models import vit


@click.command()
@click.option("--count", default=1000, show_default=True, help="How many of the 1,000 test images.")
@json_option
def images(count: int, json_file: Path | None) -> None:
    """The digits' vision transformer in integers against itself in floats, on its test images."""
    pixels, labels = vit.images()
    if not 1 <= count <= len(pixels):
        raise ValueError(f"count must be 1 to {len(pixels)}, not {count}")
    # Spread over the digits, in whose order the images are.
    chosen = np.arange(count) * len(pixels) // count
    console = terminal()
    with console.status("calibrating"):
        vit.integer_network()
    real, integer = (
        np.array([scores(pixels[index]) for index in track(chosen, name, transient=True)])
        for name, scores in (("floats", vit.scores_real), ("integers", vit.scores_integer))
    )
    lengths = np.linalg.norm(real, axis=1) * np.linalg.norm(integer, axis=1)
    cosines = (real * integer).sum(axis=1) / lengths
    figures = {
        "images": count,
        "accuracy_real": float((real.argmax(axis=1) == labels[chosen]).mean()),
        "accuracy_integer": float((integer.argmax(axis=1) == labels[chosen]).mean()),
        "agreement": float((real.argmax(axis=1) == integer.argmax(axis=1)).mean()),
        "cosine_mean": float(cosines.mean()),
        "cosine_min": float(cosines.min()),
    }
    show(console, "vit_digits: integers against floats", figures)
    write(json_file, figures)
