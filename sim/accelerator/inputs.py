"""What people give a network and what they read of it: sentences, words, images, sounds."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from golden.models import g2p, kwt, minilm, netra, vit
from golden.models.speller import Speller
from golden.networks.instances import sample
from golden.networks.run import quantize_inputs
from sim.accelerator.networks import KWT, Loaded, needed


class Use(NamedTuple):
    """How a network is used.

    default
        What it is given where nobody says.
    read
        From text to real inputs by name.
    answer
        From outputs to text.
    """

    default: tuple[str, ...]
    read: Callable[[str, Path | None], Mapping[str, Any]]
    answer: Callable[[Mapping[str, np.ndarray]], str]


def use_of(name: str) -> Use:
    """How the network of that name is used; small instances take a length."""
    return USES.get(name, Use(("9", "20"), _length, _shapes))


def read_inputs(loaded: Loaded, use: Use, text: str, data: Path | None) -> dict[str, Any]:
    """What the machine reads where people give ``text``; made inputs where that is a length."""
    found = use.read(text, data)
    return integer_inputs(loaded, sampled(loaded, found["length"]) if "length" in found else found)


def integer_inputs(loaded: Loaded, given: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs as the machine reads them; what the machine chooses itself is left out."""
    names = set(loaded.graph.inputs) - {loaded.decoding.growing if loaded.decoding else ""}
    chosen = {name: value for name, value in given.items() if name in names}
    return quantize_inputs(loaded.graph, chosen)


def sampled(loaded: Loaded, length: int) -> dict[str, Any]:
    """Made inputs of that length, for networks that nobody trained."""
    return dict(sample(loaded.graph, length, length))


def _length(text: str, data: Path | None) -> Mapping[str, Any]:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"this network's inputs are made at random: give a length, not {text!r}")
    return {"length": int(text)}


def _shapes(outputs: Mapping[str, np.ndarray]) -> str:
    told = []
    for name, value in outputs.items():
        first = " ".join(map(str, value.ravel()[:8]))
        told.append(f"{name} {value.shape}: {first}{' ...' if value.size > 8 else ''}")
    return "; ".join(told)


def _sentence(text: str, data: Path | None) -> Mapping[str, Any]:
    return {"token_ids": minilm.Tokenizer()(text)}


def _image(text: str, data: Path | None) -> Mapping[str, Any]:
    images = vit.images()
    if not text.isdecimal() or int(text) >= len(images.labels):
        raise ValueError(f"an image is a number below {len(images.labels)}, not {text!r}")
    return {"input": images.pixels[int(text)]}


def _sound(text: str, data: Path | None) -> Mapping[str, Any]:
    folder = needed(data)
    path = Path(text) if text.endswith(".wav") else folder / "clips" / f"{text}.wav"
    model = kwt.read_kwt(folder / KWT)
    return {"input": model.front_end(kwt.read_sound(path))}


def _largest(labels: tuple[str, ...]) -> Callable[[Mapping[str, np.ndarray]], str]:
    def answer(outputs: Mapping[str, np.ndarray]) -> str:
        (scores,) = outputs.values()
        return labels[int(np.ravel(scores).argmax())]

    return answer


def _speller(speller: Callable[[], Speller], *words: str) -> Use:
    return Use(
        words,
        lambda text, data: speller().inputs(text),
        lambda outputs: speller().read([int(x) for x in outputs["tokens"]]),
    )


SENTENCES = tuple(minilm.sentences()[index] for index in (2, 43, 195))
"""Of 6, 18 and 57 tokens."""

USES = {
    "minilm": Use(SENTENCES, _sentence, _shapes),
    "vit": Use(("0", "500", "999"), _image, _largest(tuple("0123456789"))),
    "kwt": Use(("yes_1000ms", "no_1000ms", "left"), _sound, _largest(kwt.LABELS)),
    "g2p": _speller(g2p.g2p, "transformer", "memory"),
    "netra": _speller(netra.netra, "sursdey", "kampuchea"),
}
"""Networks with weights that somebody trained."""
