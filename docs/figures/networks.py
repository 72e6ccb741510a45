"""Rows of the networks in integers."""

from collections.abc import Callable
from typing import Any

from docs.figures.figure import Figure

FORMS = ("dynamic_per_channel", "dynamic_default", "static")


def _likeness(key: str, digits: int = 4) -> Callable[[Any], str]:
    """Ours, then ONNX Runtime's forms."""

    def value(figures: Any) -> str:
        theirs = [figures["onnx_runtime"][form][key] for form in FORMS]
        return ", ".join(f"{number:.{digits}f}" for number in (figures[key], *theirs))

    return value


def _human(figures: Any) -> str:
    theirs = [figures["onnx_runtime"][form]["sts_spearman"] for form in FORMS]
    ours = (figures["sts_spearman_real"], figures["sts_spearman_integer"])
    return ", ".join(f"{number:.4f}" for number in (*ours, *theirs))


def _share(key: str) -> Callable[[Any], str]:
    return lambda figures: f"{100 * figures[key]:.1f}"


NETWORK_FIGURES = (
    Figure(
        text="integer encoder against float, mean cosine over 200 sentences",
        result="accuracy",
        value=lambda figures: f"{figures['cosine_mean']:.4f}",
    ),
    Figure(
        text="the same beside ONNX Runtime's INT8 of that run: ours; dynamic per channel, dynamic, "
        "static",
        result="accuracy",
        value=_likeness("cosine_mean"),
    ),
    Figure(
        text="STS development set, Spearman: float, ours; ONNX Runtime as above",
        result="accuracy",
        value=_human,
    ),
    Figure(
        text="the encoder in integers: times as slow as in NumPy floats",
        result="accuracy",
        value=lambda figures: f"{figures['slowdown']:.2f}",
    ),
    Figure(
        text="every kind of network, small: smallest cosine of integers to floats",
        result="networks",
        value=lambda figures: f"{min(row['cosine'] for row in figures['networks']):.4f}",
    ),
    *(
        Figure(
            text=f"{told}: words of 500 as in floats, %",
            result=f"spellings-{name}",
            value=_share("equal_share"),
        )
        for name, told in (
            ("g2p", "speller g2p_en in INT8"),
            ("netra", "transliterator netra with INT16 operands (INT8: `--bits 8`)"),
        )
    ),
    Figure(
        text="trained vision transformer on 1,000 digits: floats and integers agree, %",
        result="images",
        value=_share("agreement"),
    ),
)
