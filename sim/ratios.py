"""Cycles of the macro's plans against ``fixed`` on real and on shaped inputs, by the schedules.

The schedules are formulas that the benches hold the RTL to, group by group. Nothing is simulated
here, so whole networks and many sentences are quick.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from golden.models import minilm
from golden.spec import MacroSpec
from hw.macro.plan import PLANS
from hw.macro.schedule import cycles
from sim.layer.activations import layer_products
from sim.layer.report import macs
from sim.mapping import groups_of

PLAN_NAMES = ("skip", "ring", "spill-1", "spill-2")
SENTENCE_STEP = 25
"""Every 25th of the project's own sentences is measured."""

PUBLISHED = {"softmax": 2.38, "GELU": 2.20, "encoder": 1.58}
"""MulTCIM, ISSCC 2023 16.1: EBB-CIM against conventional bit-serial CIM."""


def ratios(inputs: Sequence[tuple[NDArray, bool, int]]) -> dict[str, float]:
    """Ratio of each plan to ``fixed``, for inputs (x, signed, weight) with MACs as weight."""
    spec = MacroSpec()
    found = {}
    for name in PLAN_NAMES:
        total = weight = 0.0
        for x, signed, share in inputs:
            steps = cycles(spec, PLANS[name], groups_of(x, spec.lanes), signed).mean()
            total, weight = total + float(steps) * share, weight + share
        found[name] = spec.input_bits * weight / total
    return found


def measure(seed: int = 1) -> dict[str, dict[str, float]]:
    """All rows of the table: real products of all layers, and shaped inputs."""
    texts = minilm.sentences()
    longest = max(texts, key=len)
    every = texts[::SENTENCE_STEP]
    layers = range(6)
    real = layer_products(every, layers)
    long = layer_products([longest], layers)
    rows = {
        f"encoder, {len(every)} sentences": [p for p in real if p.head is None],
        "encoder, one paragraph of 118 tokens": [p for p in long if p.head is None],
        "real GELU (feed-forward out)": [p for p in real if p.name == "feed-forward out"],
        "real softmax (context)": [p for p in real if p.name == "context"],
    }
    found = {
        name: ratios([(p.x, p.x_signed, macs(p)) for p in parts]) for name, parts in rows.items()
    }
    shaped = _shaped(np.random.default_rng(seed))
    return found | {name: ratios([(x, signed, 1)]) for name, (x, signed) in shaped.items()}


def _shaped(rng: np.random.Generator) -> Mapping[str, tuple[NDArray, bool]]:
    """Inputs of the shapes that the published ratios are told for."""
    logits = rng.normal(0, 1, (256, 128))
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    normal = rng.normal(-0.3, 1, (256, 128))
    # GELU by its tanh form: the shape is what counts here.
    cube = normal + 0.044715 * normal**3
    gelu = 0.5 * normal * (1 + np.tanh(np.sqrt(2 / np.pi) * cube))
    gauss = np.clip(rng.normal(0, 1, (256, 128)), -4, 4) / 4
    return {
        "softmax of 128, sd 1, tensor scale": (_codes(probabilities, 255), False),
        "softmax of 128, sd 1, static scale 1/255": (
            np.floor(probabilities * 255 + 0.5).astype(np.int64),
            False,
        ),
        "GELU of sd 1, absmax": (_codes(gelu, 127), True),
        "Gaussian, 4 sigma": (_codes(gauss, 127), True),
    }


def _codes(x: NDArray, limit: int) -> NDArray[np.int64]:
    return np.floor(x * (limit / np.abs(x).max()) + 0.5).astype(np.int64)


def table(found: Mapping[str, Mapping[str, float]]) -> Table:
    """The rows beside the published ratios."""
    result = Table(title="x faster than fixed, one macro (8 cycles a group)", title_justify="left")
    result.add_column("inputs")
    for name in (*PLAN_NAMES, "published"):
        result.add_column(name, justify="right")
    for name, figures in found.items():
        published = next((text for key, text in PUBLISHED.items() if key in name), None)
        told = f"{published:.2f}" if published else ""
        result.add_row(name, *(f"{figures[plan]:.2f}" for plan in PLAN_NAMES), told)
    return result
