"""``python -m golden import``."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from golden.commands.report import json_option, show, terminal, write
from golden.graph import Graph
from golden.models import minilm
from golden.models.onnx_import.read import import_onnx, read_onnx
from golden.networks.file import save_network
from golden.networks.run import quantize_inputs, run_integer, run_real
from golden.quantize import quantize_network

Sample = dict[str, np.ndarray]
# Of so many samples one measures, and does not calibrate.
_SHARE = 5


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--result",
    help="Which of the file's outputs; by itself the sentence's embedding, the last hidden state, "
    "or the first.",
)
@click.option("--pool", is_flag=True, help="Add the unit vector of the tokens' mean.")
@click.option(
    "--length",
    "lengths",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Of a dimension that the file leaves open: height=224.",
)
@click.option(
    "--text",
    type=click.Path(path_type=Path),
    help="Sentences, one a line, as samples of BERT's vocabulary.",
)
@click.option(
    "--samples",
    type=click.Path(path_type=Path),
    help="An .npz whose every array is a sample: ids, or (height, width, channels).",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Save the integer network here; needs samples.",
)
@json_option
def import_network(
    file: Path,
    result: str | None,
    pool: bool,
    lengths: Sequence[str],
    text: Path | None,
    samples: Path | None,
    output: Path | None,
    json_file: Path | None,
) -> None:
    """Read the ONNX encoder FILE, and quantise it with sample inputs.

    \b
    What it has, in our operators:   python -m golden import encoder.onnx
    In integers, in one file:        python -m golden import encoder.onnx --pool \\
                                       --text sentences.txt --output encoder.safetensors

    A fifth of the samples measures how near the integers are to the floats; the others choose the
    scales. The imported floats are compared with ONNX's own evaluator.
    """
    if output is not None and text is None and samples is None:
        raise ValueError("--output needs --text or --samples: scales are chosen by sample inputs")
    model, console = read_onnx(file), terminal()
    with console.status("reading"):
        named = dict(_length(one) for one in lengths)
        network = import_onnx(model, result, named, pool)
    kinds = Counter(operator.kind for operator in network.operators)
    figures: dict[str, Any] = {
        "nodes": len(model.graph.node),
        "operators": len(network.operators),
        **{f"{kind}_operators": count for kind, count in sorted(kinds.items())},
    }
    given = [*(_sentences(text) if text else ()), *(_arrays(samples, network) if samples else ())]
    if given:
        _require_known_ids(network, given)
        from golden.models.onnx_import.compare import largest_difference

        measured = given[::_SHARE]
        calibrating = [x for index, x in enumerate(given) if index % _SHARE] or given
        with console.status("comparing with ONNX's evaluator"):
            plain = import_onnx(model, result, named) if pool else network
            figures["difference"] = largest_difference(model, plain, measured[:3], result)
        with console.status(f"calibrating on {len(calibrating)} samples"):
            integer = quantize_network(network, calibrating)
        cosines = [_cosine(network, integer, x) for x in measured]
        figures |= {"measured": len(cosines), "cosine_mean": float(np.mean(cosines))}
        figures["cosine_min"] = min(cosines)
        if output is not None:
            save_network(integer, output)
            figures["bytes"] = output.stat().st_size
    show(console, f"{file.name}: {', '.join(network.inputs)} to {network.outputs[0]}", figures)
    write(json_file, figures)


def _length(text: str) -> tuple[str, int]:
    name, equals, number = text.partition("=")
    if not equals or not number.isdigit():
        raise ValueError(f"--length must be NAME=NUMBER, not {text!r}")
    return name, int(number)


def _sentences(path: Path) -> list[Sample]:
    if not path.is_file():
        raise ValueError(f"{path} is no file: --text must name one with a sentence in each line")
    tokenizer = minilm.Tokenizer()
    lines = path.read_text(encoding="utf-8").splitlines()
    return [{"token_ids": tokenizer(line)} for line in lines if line.strip()]


def _arrays(path: Path, network: Graph) -> list[Sample]:
    if not path.is_file():
        raise ValueError(f"{path} is no file: --samples must name an .npz with an array a sample")
    (name,) = network.inputs
    with np.load(path) as file:
        return [{name: file[key]} for key in file.files]


def _require_known_ids(network: Graph, given: Sequence[Sample]) -> None:
    """Token ids must be within the embedding's rows."""
    for operator in network.operators:
        if operator.kind == "embedding":
            rows = len(network.constants[operator.inputs[1]])
            largest = max(int(x["token_ids"].max()) for x in given)
            if largest >= rows:
                raise ValueError(
                    f"token {largest} is beyond the vocabulary of {rows}: the samples must be of "
                    f"the encoder's own tokenizer"
                )


def _cosine(network: Graph, integer: Graph, sample: Sample) -> float:
    """Of all numbers of the output, integers against floats."""
    name = network.outputs[0]
    x = np.ravel(run_real(network, sample)[name])
    y = np.ravel(run_integer(integer, quantize_inputs(integer, sample))[name]).astype(np.float64)
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))
