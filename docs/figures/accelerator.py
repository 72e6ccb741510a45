"""Rows of the whole accelerator."""

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


def _feeders(balanced: Any, fixed: Any) -> str:
    cycles = [figures["sentences"][0]["cycles"] for figures in (fixed, balanced)]
    return f"{cycles[0]:,} / {cycles[1]:,} = {cycles[0] / cycles[1]:.2f}"


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


BOTH = "python -m sim prove --again encoder-128 encoder-fixed-128"
ENCODERS = ("encoder-16", "encoder-128")
ACCELERATOR_FIGURES = (
    Figure(
        text="the whole encoder on `mulcim` (RTL), default plan: cycles; a layer's over the least",
        result=ENCODERS[0],
        more=ENCODERS[1:],
        value=_encoder,
        command="python -m sim prove --again encoder-16 encoder-128",
    ),
    Figure(
        text="the same with `fixed`",
        result="encoder-fixed-128",
        value=_encoder,
    ),
    Figure(
        text="the whole encoder, 128 tokens: cycles of `fixed` over those of the default plan",
        result="encoder-128",
        more=("encoder-fixed-128",),
        value=_feeders,
        command=BOTH,
    ),
    Figure(
        text="the model's cycles beside those of the three runs, %",
        result=ENCODERS[0],
        more=(*ENCODERS[1:], "encoder-fixed-128"),
        value=_model,
        command=f"{BOTH} encoder-16",
    ),
    Figure(
        text="`mulcim` simulated, million MACs a wall second: default plan, `fixed`",
        result="encoder-128",
        more=("encoder-fixed-128",),
        value=_speed,
        command=BOTH,
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
