"""``python -m golden calibration``."""

from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from golden.commands.report import json_option, progress, terminal, write
from golden.models import minilm
from golden.models.accuracy import compare, embed_all
from golden.quantization.ranges import Calibration
from golden.quantize import QuantizeSettings

# Of tensors between operators, and of the codes of keys and values.
WAYS: tuple[tuple[Calibration, Calibration], ...] = (
    ("absmax", "absmax"),
    ("absmax", "percentile"),
    ("absmax", "mse"),
    ("percentile", "absmax"),
    ("mse", "absmax"),
)


@click.command()
@click.option("--count", default=0, help="Use only so many of the sentences.")
@json_option
def calibration(count: int, json_file: Path | None) -> None:
    """The sentence encoder calibrated in each way, against itself in floats."""
    tokenizer = minilm.Tokenizer()
    sentences = minilm.sentences()[: count or None]
    ids = [tokenizer(sentence) for sentence in sentences]
    console = terminal()
    table = Table(title=f"minilm: calibration, {len(sentences)} sentences")
    for heading in ("tensors between operators", "codes of keys and values"):
        table.add_column(heading)
    for heading in ("mean cosine", "smallest", "nearest the same"):
        table.add_column(heading, justify="right")
    figures: list[dict[str, Any]] = []
    (real,) = embed_all(ids, minilm.embed_real, progress=progress)
    for tensors, operands in WAYS:
        settings = QuantizeSettings(calibration=tensors, operand_calibration=operands)
        usual = settings == QuantizeSettings()
        embed = partial(minilm.embed_integer, settings=None if usual else settings)
        with console.status(f"calibrating by {tensors} and {operands}"):
            embed(ids[0])
        (integer,) = embed_all(ids, embed, progress=progress)
        result = compare(sentences, real.vectors, integer.vectors)
        shares = (result.cosine_mean, result.cosine_min, result.nearest_agreement)
        table.add_row(tensors, operands, *(f"{share:.5f}" for share in shares))
        figures.append({"calibration": tensors, "operand_calibration": operands})
        figures[-1] |= dict(zip(("cosine_mean", "cosine_min", "nearest"), shares, strict=True))
    console.print(table)
    write(json_file, {"sentences": len(sentences), "calibrations": figures})
