"""``python -m golden accuracy``."""

from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from golden.commands.report import json_option, progress, show, terminal, write
from golden.models import minilm
from golden.models.accuracy import compare, rank_correlation, read_pairs


@click.command()
@click.option("--count", default=0, help="Use only so many of the sentences.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder with stsb/stsb-en-dev.csv, for the correlation with human scores.",
)
@json_option
def accuracy(count: int, data: Path | None, json_file: Path | None) -> None:
    """The sentence encoder in integers against itself in floats."""
    tokenizer = minilm.Tokenizer()
    sentences = minilm.sentences()[: count or None]
    ids = [tokenizer(sentence) for sentence in sentences]
    console = terminal()
    with console.status("calibrating"):
        minilm.integer_network()
    result = compare(sentences, ids, minilm.embed_real, minilm.embed_integer, progress)
    figures: dict[str, Any] = result._asdict()
    figures["slowdown"] = result.real_tokens_per_second / result.integer_tokens_per_second
    if data is not None:
        figures |= _human_scores(data, tokenizer)
    show(console, "minilm: integers against floats", figures)
    write(json_file, figures)


def _human_scores(data: Path, tokenizer: minilm.Tokenizer) -> dict[str, float]:
    pairs = read_pairs(data / "stsb" / "stsb-en-dev.csv")
    score = np.array([pair[2] for pair in pairs])
    figures: dict[str, float] = {"sts_pairs": len(pairs)}
    for name, embed in (("real", minilm.embed_real), ("integer", minilm.embed_integer)):
        cosines = [
            float(embed(tokenizer(first)) @ embed(tokenizer(second)))
            for first, second, _ in track(pairs, f"STS pairs, {name}", transient=True)
        ]
        figures[f"sts_spearman_{name}"] = rank_correlation(np.array(cosines), score)
    return figures
