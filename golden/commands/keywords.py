"""``python -m golden keywords``."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from rich.progress import track

from golden.commands.report import json_option, show, terminal, write
from golden.models import attention_rnn, kwt
from golden.networks.run import quantize_inputs, run_integer, run_real
from golden.ops.delta import differences

KEYWORDS = ("down", "go", "left", "no", "yes")


class Spotter(NamedTuple):
    """A released keyword spotter: its file in the data folder, its reader, its classes."""

    file: str
    read: Callable[[Path], kwt.KeywordModel]
    labels: tuple[str, ...]


SPOTTERS = {
    "kwt1": Spotter("kwt1/kwt1-12.tflite", kwt.read_kwt, kwt.LABELS),
    "attention-rnn": Spotter(
        "attrnn/model-attRNN.h5", attention_rnn.read_attention_rnn, attention_rnn.LABELS
    ),
}


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True,
              help="Folder with the model's file and clips/*.wav.")  # fmt: skip
@click.option("--model", "name", type=click.Choice(list(SPOTTERS)), default="kwt1",
              show_default=True, help="The released keyword spotter.")  # fmt: skip
@click.option("--count", default=40, help="How often each word is moved and heard.")
@click.option("--delta", type=float, help="Threshold below which rows of kwt1 keep what they had.")
@json_option
def keywords(
    data: Path, name: str, count: int, delta: float | None, json_file: Path | None
) -> None:
    """A released keyword spotter in integers against itself in floats, on words moved in time.

    With --delta the integers are those of delta attention, the floats still the dense network's.
    """
    if delta is not None and name != "kwt1":
        raise ValueError(f"{name} has no delta attention: leave --delta out or choose kwt1")
    spotter = SPOTTERS[name]
    path = data / spotter.file
    dense = spotter.read(path)
    model = dense if delta is None else kwt.read_kwt(path, delta)
    words = {word: kwt.read_sound(data / "clips" / f"{word}.wav") for word in KEYWORDS}
    moved = [kwt.move_sound(x, 10_000 + index) for index, x in enumerate(words.values())]
    network = kwt.quantize_kwt(model, moved)
    (output,) = network.outputs
    scale = network.tensors[output].scale
    held = [tensor for tensor in network.tensors if tensor.endswith(".held")]
    equal, right, cosines, zeros = 0, 0, [], []
    sounds = [(word, kwt.move_sound(x, seed)) for word, x in words.items() for seed in range(count)]
    for word, sound in track(sounds, "sounds", transient=True):
        given = {"input": model.front_end(sound)}
        x = run_real(dense.network, given)[output][0]
        values = run_integer(network, quantize_inputs(network, given))
        y = values[output][0] * scale
        zeros += [float((differences(values[tensor])[1:] == 0).mean()) for tensor in held]
        equal += int(x.argmax() == y.argmax())
        right += int(spotter.labels[x.argmax()] == word)
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
    show(terminal(), f"{name}: integers against floats", figures)
    write(json_file, figures)
