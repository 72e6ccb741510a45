"""``python -m golden accuracy | calibration | describe | keywords | save``: golden networks."""

import json
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from golden.graph import Graph
from golden.models import kwt, minilm
from golden.models.accuracy import compare, rank_correlation, read_pairs
from golden.networks.describe import describe, length_names
from golden.networks.file import load_network, save_network
from golden.networks.published import PUBLISHED
from golden.networks.run import quantize_inputs, run_integer, run_real
from golden.ops.delta import differences
from golden.quantization.ranges import Calibration
from golden.quantize import QuantizeSettings

KEYWORDS = ("down", "go", "left", "no", "yes")
# Of tensors between operators, and of the codes of keys and values.
WAYS: tuple[tuple[Calibration, Calibration], ...] = (
    ("absmax", "absmax"),
    ("absmax", "percentile"),
    ("absmax", "mse"),
    ("percentile", "absmax"),
    ("mse", "absmax"),
)
# In integers where weights are at hand, otherwise in 32-bit floats without their values.
NETWORKS: dict[str, Callable[[], Graph]] = {"minilm": minilm.integer_network, **PUBLISHED}

json_option = click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Also write the figures here."
)


@click.group(help=__doc__)
def main() -> None:
    """Command line of golden."""


@main.command()
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
    console = _console()
    with console.status("calibrating"):
        minilm.integer_network()
    result = compare(sentences, ids, minilm.embed_real, minilm.embed_integer, _progress)
    figures: dict[str, Any] = result._asdict()
    figures["slowdown"] = result.real_tokens_per_second / result.integer_tokens_per_second
    if data is not None:
        figures |= _human_scores(data, tokenizer)
    _show(console, "minilm: integers against floats", figures)
    _write(json_file, figures)


@main.command()
@click.option("--count", default=0, help="Use only so many of the sentences.")
@json_option
def calibration(count: int, json_file: Path | None) -> None:
    """The sentence encoder calibrated in each way, against itself in floats."""
    tokenizer = minilm.Tokenizer()
    sentences = minilm.sentences()[: count or None]
    ids = [tokenizer(sentence) for sentence in sentences]
    console = _console()
    table = Table(title=f"minilm: calibration, {len(sentences)} sentences")
    for heading in ("tensors between operators", "codes of keys and values"):
        table.add_column(heading)
    for heading in ("mean cosine", "smallest", "nearest the same"):
        table.add_column(heading, justify="right")
    figures: list[dict[str, Any]] = []
    for tensors, operands in WAYS:
        settings = QuantizeSettings(calibration=tensors, operand_calibration=operands)
        usual = settings == QuantizeSettings()
        embed = partial(minilm.embed_integer, settings=None if usual else settings)
        with console.status(f"calibrating by {tensors} and {operands}"):
            embed(ids[0])
        result = compare(sentences, ids, minilm.embed_real, embed, _progress)
        shares = (result.cosine_mean, result.cosine_min, result.nearest_agreement)
        table.add_row(tensors, operands, *(f"{share:.5f}" for share in shares))
        figures.append({"calibration": tensors, "operand_calibration": operands})
        figures[-1] |= dict(zip(("cosine_mean", "cosine_min", "nearest"), shares, strict=True))
    console.print(table)
    _write(json_file, {"sentences": len(sentences), "calibrations": figures})


@main.command()
@click.option("--data", type=click.Path(path_type=Path), required=True,
              help="Folder with kwt1/kwt1-12.tflite and clips/*.wav.")  # fmt: skip
@click.option("--count", default=40, help="How often each word is moved and heard.")
@click.option("--delta", type=float, help="Threshold below which rows keep what they had.")
@json_option
def keywords(data: Path, count: int, delta: float | None, json_file: Path | None) -> None:
    """The released KWT-1 in integers against itself in floats, on words moved in time.

    With --delta the integers are those of delta attention, the floats still the dense network's.
    """
    path = data / "kwt1" / "kwt1-12.tflite"
    model, dense = kwt.read_kwt(path, delta), kwt.read_kwt(path)
    words = {name: kwt.read_sound(data / "clips" / f"{name}.wav") for name in KEYWORDS}
    moved = [kwt.move_sound(x, 10_000 + index) for index, x in enumerate(words.values())]
    network = kwt.quantize_kwt(model, moved)
    scale = network.tensors["output"].scale
    held = [name for name in network.tensors if name.endswith(".held")]
    equal, right, cosines, zeros = 0, 0, [], []
    sounds = [(name, kwt.move_sound(x, seed)) for name, x in words.items() for seed in range(count)]
    for name, sound in track(sounds, "sounds", transient=True):
        given = {"input": model.front_end(sound)}
        x = run_real(dense.network, given)["output"][0]
        values = run_integer(network, quantize_inputs(network, given))
        y = values["output"][0] * scale
        zeros += [float((differences(values[tensor])[1:] == 0).mean()) for tensor in held]
        equal += int(x.argmax() == y.argmax())
        right += int(kwt.LABELS[x.argmax()] == name)
        cosines.append(float(x @ y / np.linalg.norm(x) / np.linalg.norm(y)))
    figures = {
        "sounds": len(sounds),
        "right_real": right,
        "equal": equal,
        "cosine_mean": float(np.mean(cosines)),
        "cosine_min": min(cosines),
    }
    if delta is not None:
        figures |= {"threshold": delta, "unchanged": float(np.mean(zeros))}
    _show(_console(), "kwt1: integers against floats", figures)
    _write(json_file, figures)


@main.command(name="describe")
@click.argument("network")
@click.option("--tokens", default=64, help="Length for which work and sizes are counted.")
@json_option
def describe_network(network: str, tokens: int, json_file: Path | None) -> None:
    """Operators, multiply-accumulates and bytes of NETWORK."""
    if network not in NETWORKS:
        raise ValueError(f"network must be one of {sorted(NETWORKS)}, not {network!r}")
    graph = NETWORKS[network]()
    sizes = describe(graph, dict.fromkeys(length_names(graph), tokens))
    table = Table(title=f"{network}, {tokens} tokens")
    for heading in ("operator", "kind", "shape"):
        table.add_column(heading)
    for heading in ("MACs", "constant bytes", "output bytes"):
        table.add_column(heading, justify="right")
    for size in sizes:
        counts = (size.macs, size.constant_bytes, size.output_bytes)
        shape = " x ".join(map(str, size.shape))
        table.add_row(size.name, size.kind, shape, *(f"{count:,}" for count in counts))
    table.add_section()
    totals = [
        sum(getattr(size, column) for size in sizes)
        for column in ("macs", "constant_bytes", "output_bytes")
    ]
    table.add_row(f"{len(sizes)} operators", "", "", *(f"{total:,}" for total in totals))
    _console().print(table)
    _write(json_file, {"network": network, "operators": [size._asdict() for size in sizes]})


@main.command()
@click.argument("network", type=click.Choice(["minilm"]))
@click.argument("file", type=click.Path(path_type=Path))
def save(network: str, file: Path) -> None:
    """Write the integer form of NETWORK as one FILE, and read it back."""
    console = _console()
    with console.status("calibrating"):
        graph = NETWORKS[network]()
    save_network(graph, file)
    loaded = load_network(file)
    size = file.stat().st_size
    console.print(f"{file}: {len(loaded.operators)} operators, {size:,} bytes")


def _console() -> Console:
    """The terminal, or 110 columns where the output goes elsewhere."""
    console = Console()
    return console if console.is_terminal else Console(width=110)


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


def _progress(items: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
    return track(list(items), "sentences", transient=True)


def _show(console: Console, title: str, figures: dict[str, Any]) -> None:
    table = Table(title=title, show_header=False)
    for name, value in figures.items():
        text = f"{value:.5g}" if isinstance(value, float) else str(value)
        table.add_row(name.replace("_", " "), text)
    console.print(table)


def _write(path: Path | None, figures: dict[str, Any]) -> None:
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        Console(stderr=True).print(f"error: {error}", style="red", soft_wrap=True)
        sys.exit(1)
