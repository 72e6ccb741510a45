"""``python -m golden voice``."""

from pathlib import Path

import click
import numpy as np
from rich.progress import track

from golden.commands.report import json_option, show, terminal, write
from golden.models import kwt
from golden.models.silero import silero

VOICES = ("down", "go", "left", "no", "yes")
OTHERS = ("noise_1000ms", "silence_1000ms")


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True,
              help="Folder with clips/*.wav.")  # fmt: skip
@click.option("--count", default=10, help="How often each clip is moved and heard.")
@json_option
def voice(data: Path, count: int, json_file: Path | None) -> None:
    """The released voice detector in integers against itself in floats, chunk by chunk."""
    model = silero()
    clips = {n: kwt.read_sound(data / "clips" / f"{n}.wav") for n in (*VOICES, *OTHERS)}
    moved = [kwt.move_sound(x, 10_000 + index) for index, x in enumerate(clips.values())]
    network = model.quantize(moved)
    sounds = [(name, kwt.move_sound(x, seed)) for name, x in clips.items() for seed in range(count)]
    real, integer, speaks = [], [], []
    for name, sound in track(sounds, "sounds", transient=True):
        real.append(model.real(sound))
        integer.append(model.integer(network, sound))
        speaks.append(name in VOICES)
    x, y, spoken = np.array(real), np.array(integer), np.array(speaks)
    figures = {
        "sounds": len(sounds),
        "chunks": x.size,
        "equal": int(((x > 0.5) == (y > 0.5)).sum()),
        "largest_difference": float(np.abs(x - y).max()),
        "mean_difference": float(np.abs(x - y).mean()),
        "least_of_a_voice": float(y[spoken].max(axis=1).min()),
        "most_of_no_voice": float(y[~spoken].max()),
    }
    show(terminal(), "silero: integers against floats", figures)
    write(json_file, figures)
