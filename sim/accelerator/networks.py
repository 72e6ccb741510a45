"""Networks by name as a machine can run them: its engine's block of keys, operands of 8 bits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from golden.graph import Graph, Operator
from golden.models import g2p, kwt, minilm, netra, vit
from golden.models.speller import Speller
from golden.models.words import read_words
from golden.networks.file import load_network
from golden.networks.instances import INSTANCES, VOCABULARY, sample
from golden.operator_spec import SoftmaxSpec
from golden.quantize import QuantizeSettings, quantize_network
from golden.spec import RequantizeSpec
from hw.accelerator.machine import Machine
from hw.program.decoding import Decoding

KWT = "kwt1/kwt1-12.tflite"
"""The keyword spotter in the data folder."""

WORDS = ("down", "go", "left", "no", "yes")
"""Sounds of the data folder that calibrate it."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A network in integers, the longest inputs it is compiled for, how it decodes if it does."""

    graph: Graph
    maximums: Mapping[str, int] = field(default_factory=dict)
    decoding: Decoding | None = None


ATTENTION = ("engine", "cores")
"""What computes attention: the engine in blocks of keys, or the cores with whole rows."""


def settings(machine: Machine, attention: str = "engine") -> QuantizeSettings:
    """How a network is quantised for a machine, and for what computes its attention.

    Linear attention is always the cores'.
    """
    if attention not in ATTENTION:
        raise ValueError(f"attention must be one of {', '.join(ATTENTION)}, not {attention!r}")
    kinds = ("linear_attention", *(("attention",) if attention == "cores" else ()))
    return QuantizeSettings(key_block=machine.key_block, whole_rows=kinds)


def load(
    name: str, machine: Machine, data: Path | None = None, attention: str = "engine"
) -> Loaded:
    """The network of that name, its attention for the engine or for the cores.

    ``data`` is the folder of what the project does not contain. A name is one of ``NETWORKS``, an
    instance of ``golden.networks.instances``, or a file that ``python -m golden save`` wrote.
    """
    chosen = settings(machine, attention)
    if name in NETWORKS:
        return NETWORKS[name](chosen, data)
    if name in INSTANCES:
        return instance(name, chosen)
    if Path(name).is_file():
        graph = load_network(Path(name))
        sizes = {size for one in graph.inputs for size in graph.tensors[one].shape}
        return Loaded(graph=graph, maximums={x: 128 for x in sizes if isinstance(x, str)})
    known = ", ".join((*NETWORKS, *INSTANCES))
    raise ValueError(f"{name!r} is no network and no file: one of {known}")


def longest(loaded: Loaded, chosen: Sequence[str]) -> dict[str, int]:
    """The most of every length, with ``chosen`` as ``tokens=64`` instead."""
    most = dict(loaded.maximums)
    for one in chosen:
        name, equals, number = one.partition("=")
        if not equals or not number.isdecimal():
            raise ValueError(f"--maximum is a length's name and number, as tokens=64, not {one!r}")
        most[name] = int(number)
    return most


def needed(data: Path | None) -> Path:
    """The data folder; ``ValueError`` names what the keyword spotter needs where there is none."""
    if data is None:
        raise ValueError(f"the keyword spotter needs {KWT}: name its folder with --data")
    return data


def instance(name: str, chosen: QuantizeSettings) -> Loaded:
    """A small network that nobody trained; those with a target decode up to 12 tokens."""
    real = INSTANCES[name]()
    graph = quantize_network(real, [sample(real, seed) for seed in range(4)], chosen)
    names = {size for one in graph.inputs for size in graph.tensors[one].shape}
    maximums = {name: 20 for name in names if isinstance(name, str) and name != "target"}
    decoding = None
    if "target_ids" in graph.inputs:
        graph = logits_only(graph)
        decoding = Decoding(start=1, end=VOCABULARY - 1, limit=12)
    return Loaded(graph=scores_of_the_machine(graph), maximums=maximums, decoding=decoding)


def scores_of_the_machine(graph: Graph) -> Graph:
    """With scores of as many fraction bits as the vector unit's softmax reads, where one differs.

    What a softmax reads is rescaled before it, by a power of two.
    """
    usual = SoftmaxSpec()
    operators, tensors, constants = [], dict(graph.tensors), dict(graph.constants)
    for one in graph.operators:
        if one.kind != "softmax" or one.spec.score_fraction_bits == usual.score_fraction_bits:
            operators.append(one)
            continue
        places = usual.score_fraction_bits - one.spec.score_fraction_bits
        source = tensors[one.inputs[0]]
        name = f"{source.name}.scores"
        tensors[name] = replace(source, name=name, scale=source.scale * 2.0**-places)
        width = int(source.shape[-1])
        numbers = {
            f"{name}.multiplier": np.full(width, 1 << 15, np.int64),
            f"{name}.exponent_offset": RequantizeSpec().shift - 15 + places,
            f"{name}.bias": np.zeros(width, np.int64),
        }
        constants |= numbers
        operators += [
            Operator(
                name=name,
                kind="affine",
                spec=RequantizeSpec(),
                inputs=(source.name, *numbers),
                outputs=(name,),
            ),
            replace(
                one,
                spec=replace(one.spec, score_fraction_bits=usual.score_fraction_bits),
                inputs=(name, *one.inputs[1:]),
            ),
        ]
    return replace(graph, operators=tuple(operators), tensors=tensors, constants=constants)


def logits_only(graph: Graph) -> Graph:
    """Without a softmax at the end: greedy decoding reads nothing but which is the largest."""
    last = graph.operators[-1]
    if last.kind != "softmax":
        return graph
    return replace(graph, operators=graph.operators[:-1], outputs=last.inputs[:1])


def _minilm(chosen: QuantizeSettings, data: Path | None) -> Loaded:
    return Loaded(graph=minilm.integer_network(chosen), maximums={"tokens": 128})


def _vit(chosen: QuantizeSettings, data: Path | None) -> Loaded:
    return Loaded(graph=vit.integer_network(chosen))


def _kwt(chosen: QuantizeSettings, data: Path | None) -> Loaded:
    folder = needed(data)
    model = kwt.read_kwt(folder / KWT)
    sounds = [kwt.read_sound(folder / "clips" / f"{word}.wav") for word in WORDS]
    samples = [
        {"input": model.front_end(kwt.move_sound(x, 10_000 + index))}
        for index, x in enumerate(sounds)
    ]
    return Loaded(graph=quantize_network(model.network, samples, chosen))


def _g2p(chosen: QuantizeSettings, data: Path | None) -> Loaded:
    return _spelled(g2p.g2p(), "english_calibration", chosen, 32)


def _netra(chosen: QuantizeSettings, data: Path | None) -> Loaded:
    return _spelled(netra.netra(), "khmer_calibration", chosen, netra.LETTERS)


def _spelled(speller: Speller, words: str, chosen: QuantizeSettings, source: int) -> Loaded:
    return Loaded(
        graph=logits_only(speller.quantize(read_words(words), chosen)),
        maximums={"source": source},
        decoding=Decoding(start=speller.start, end=speller.end, limit=speller.limit),
    )


NETWORKS: dict[str, Callable[[QuantizeSettings, Path | None], Loaded]] = {
    "minilm": _minilm,
    "vit": _vit,
    "kwt": _kwt,
    "g2p": _g2p,
    "netra": _netra,
}
"""Networks with weights that somebody trained."""
