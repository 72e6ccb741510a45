"""``python -m golden accuracy``."""

from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from golden.commands.report import json_option, progress, terminal, write
from golden.models import minilm, onnx_runtime
from golden.models.accuracy import Measurement, Pairs, read_pairs

COLUMNS = {
    "cosine_mean": "cosine",
    "cosine_min": "smallest",
    "nearest_agreement": "nearest",
    "pair_rank_correlation": "ranks",
    "sts_spearman": "STS",
    "tokens_per_second": "tokens/s",
    "slowdown": "slowdown",
}


@click.command()
@click.option("--count", default=0, help="Use only so many of the sentences.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder with stsb/stsb-en-dev.csv, for the correlation with human scores.",
)
@json_option
def accuracy(count: int, data: Path | None, json_file: Path | None) -> None:
    """The sentence encoder in integers, and in ONNX Runtime's INT8, against itself in floats.

    Cosines to golden's floats; the share of sentences whose nearest is the same; the correlation of
    ranks of all pairs, and of the STS pairs with human scores; speed, and how much slower than
    golden's floats. ONNX Runtime's rows need its package: make reference.
    """
    console = terminal()
    with console.status("calibrating"):
        minilm.integer_network()
    run = _measurement(count, data)
    runtime = _runtime(run, console)
    theirs = {f"ONNX Runtime {name.replace('_', ' ')}": row for name, row in runtime.items()}
    _show(console, run, {"golden floats": run.floats, "golden integers": run.integers, **theirs})
    figures = {"sentences": len(run.sentences), "tokens": run.tokens, **run.integers}
    figures["real_tokens_per_second"] = run.floats["tokens_per_second"]
    figures["integer_tokens_per_second"] = figures.pop("tokens_per_second")
    if run.pairs is not None:
        figures["sts_pairs"] = len(run.pairs.scores)
        figures["sts_spearman_real"] = run.floats["sts_spearman"]
        figures["sts_spearman_integer"] = figures.pop("sts_spearman")
    write(json_file, figures | ({"onnx_runtime": runtime} if runtime else {}))


def _measurement(count: int, data: Path | None) -> Measurement:
    """The project's sentences, and the STS pairs where their folder is given."""
    tokenizer = minilm.Tokenizer()
    sentences = minilm.sentences()[: count or None]
    pairs = None
    if data is not None:
        first, second, scores = zip(*read_pairs(data / "stsb" / "stsb-en-dev.csv"), strict=True)
        left, right = ([tokenizer(sentence) for sentence in side] for side in (first, second))
        pairs = Pairs(left, right, np.array(scores))
    ids = [tokenizer(sentence) for sentence in sentences]
    real, integer = minilm.embed_real, minilm.embed_integer
    return Measurement(sentences, ids, real, integer, pairs, progress)


def _runtime(run: Measurement, console: Console) -> dict[str, dict[str, Any]]:
    """Figures of ONNX Runtime's forms, its floats checked first; none without the package."""
    if not onnx_runtime.available():
        console.print("ONNX Runtime is not installed: `make reference` adds its INT8 forms")
        return {}
    figures = {}
    with onnx_runtime.encoders() as encoders:
        for name, make in encoders.items():
            with console.status(f"ONNX Runtime: {name}"):
                embed = make()
            if name == onnx_runtime.FLOAT:
                run.check(f"ONNX Runtime's {name}", embed, 1e-5)
            figures[name] = run.measure(embed)
    return figures


def _show(console: Console, run: Measurement, rows: dict[str, dict[str, Any]]) -> None:
    table = Table(title=f"minilm: {len(run.sentences)} sentences, {run.tokens} tokens")
    table.add_column("form")
    used = [key for key in COLUMNS if any(key in figures for figures in rows.values())]
    for key in used:
        table.add_column(COLUMNS[key], justify="right")
    for name, figures in rows.items():
        cells = (figures.get(key, "") for key in used)
        table.add_row(name, *(_text(cell) for cell in cells))
    console.print(table)


def _text(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 100 else f"{value:.4f}"
