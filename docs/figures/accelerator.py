"""Rows of the whole accelerator."""

from collections.abc import Callable
from typing import Any

from docs.figures.figure import Figure


def _encoder(*runs: Any) -> str:
    """Tokens and cycles of each run, and a layer's over the least that they can be."""
    told = []
    for figures in runs:
        (sentence,) = figures["sentences"]
        ratio = figures["layer"]["ratio"]
        told.append(f"{sentence['tokens']} tokens {sentence['cycles']:,}, {ratio:.2f}")
    return "; ".join(told)


def _feeders(*runs: Any) -> str:
    """Of each length, first all with ``fixed``, then all with the default plan."""
    half = len(runs) // 2
    told = []
    for fixed, balanced in zip(runs[:half], runs[half:], strict=True):
        sentence, other = fixed["sentences"][0], balanced["sentences"][0]
        ratio = sentence["cycles"] / other["cycles"]
        told.append(
            f"{sentence['tokens']}: {sentence['cycles']:,} / {other['cycles']:,} = {ratio:.2f}"
        )
    return "; ".join(told)


def _model(*runs: Any) -> str:
    shares = [one["model_cycles"] / one["sentences"][0]["cycles"] - 1 for one in runs]
    return ", ".join(f"{100 * share:+.1f}" for share in shares)


def _speed(*runs: Any) -> str:
    sentences = [one["sentences"][0] for one in runs]
    return ", ".join(f"{one['macs'] / one['seconds'] / 1e6:.0f}" for one in sentences)


def _faults(figures: Any) -> str:
    return f"{figures['faults']:,}, {figures['wrong']}, {figures['largest_cycles']:,}"


def _programs(figures: Any) -> str:
    return f"{figures['equal']:,}, {len(figures['wrong'])}, {len(figures['refused'])}"


def _again(*names: str) -> str:
    return f"python -m sim prove --again {' '.join(names)}"


def _figure(text: str, names: tuple[str, ...], value: Callable[..., str]) -> Figure:
    return Figure(text=text, result=names[0], more=names[1:], value=value, command=_again(*names))


LENGTHS = ("16", "128", "512")
DEFAULT, SAME = (tuple(f"encoder-{form}{length}" for length in LENGTHS) for form in ("", "same-"))
SPEEDS = ("encoder-128", "encoder-fixed-128")
ACCELERATOR_FIGURES = (
    _figure(
        "the whole encoder on `mulcim` (RTL), default plan: cycles; a layer's over the least",
        DEFAULT,
        _encoder,
    ),
    _figure("the same with `fixed` and a program of its own", ("encoder-fixed-128",), _encoder),
    _figure("the same at 16 bytes a cycle", ("encoder-narrow-16", "encoder-narrow-128"), _encoder),
    _figure(
        "the same with attention on the cores",
        ("encoder-cores-16", "encoder-cores-128", "encoder-long-512"),
        _encoder,
    ),
    _figure(
        "the whole encoder by tokens: cycles of `fixed` over the default plan's, one program",
        (*SAME, *DEFAULT),
        _feeders,
    ),
    _figure(
        "the same with attention on the cores",
        ("encoder-long-same-512", "encoder-long-512"),
        _feeders,
    ),
    _figure(
        "the same at 128 tokens, `fixed` with a program of its own",
        ("encoder-fixed-128", "encoder-128"),
        _feeders,
    ),
    _figure(
        "the model's cycles beside those of the RTL, %: default plan by tokens, `fixed`",
        (*DEFAULT, "encoder-fixed-128"),
        _model,
    ),
    _figure(
        "`mulcim` simulated, million MACs a wall second: default plan, `fixed`", SPEEDS, _speed
    ),
    Figure(
        text="random programs on `tiny` (RTL): equal to golden, different, networks refused",
        result="accelerator-programs",
        value=_programs,
    ),
    Figure(
        text="random faults on `tiny`: all, next programs harmed, most cycles to the end",
        result="accelerator-faults",
        value=_faults,
    ),
)
