"""``python -m golden keywords``."""

from pathlib import Path

import click
import numpy as np
from rich.progress import track

from golden.commands.report import json_option, show, terminal, write
from golden.models import kwt
from golden.networks.run import quantize_inputs, run_integer, run_real
from golden.ops.delta import differences

KEYWORDS = ("down", "go", "left", "no", "yes")


@click.command()
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
    show(terminal(), "kwt1: integers against floats", figures)
    write(json_file, figures)
