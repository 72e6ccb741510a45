"""What it costs a core that its macros wait for each other, by the schedules.

A macro takes as many steps as its own eight lanes need. In lock-step all eight macros of a core
take as many as the slowest one, vector by vector; between an input buffer and result registers
each goes its own pace, and only the mean over a few vectors counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from golden.networks.products import Product
from golden.spec import CoreSpec
from hw.core.plan import CorePlan
from hw.core.schedule import core_cycles
from hw.macro.plan import PLANS
from hw.macro.schedule import cycles
from sim.mapping import groups_of

PLAN_NAMES = ("fixed", "skip", "ring", "spill-1", "spill-2")
DEPTHS = (1, 2, 4)
"""Results that a macro may be ahead; 1 is the default."""


def paces(products: Sequence[Product], spec: CoreSpec | None = None) -> dict[str, dict[str, float]]:
    """Ratio to ``fixed``, per plan: of one macro alone, in lock-step, and for each of ``DEPTHS``.

    Weights are there in time. Each product is counted for one tile of columns and weighted by how
    many it has: they all take the same inputs.
    """
    spec = CoreSpec() if spec is None else spec
    found: dict[str, dict[str, float]] = {}
    for name in PLAN_NAMES:
        totals: dict[str, float] = {}
        for product in products:
            steps = _steps(spec, name, product)  # (vectors, macros)
            last = np.zeros(len(steps), bool)
            last[-len(product.x) :] = True
            counts = {"macro": float(steps.mean(axis=1).sum()), "lock-step": _lock_step(steps)}
            for depth in DEPTHS:
                plan = CorePlan(macro=PLANS[name])
                if plan.results_ahead:
                    plan = replace(plan, result_depth=depth)
                counts[f"depth {depth}"] = float(core_cycles(spec, plan, steps, last))
            tiles = -(-product.w.shape[1] // spec.columns)
            for kind, count in counts.items():
                totals[kind] = totals.get(kind, 0.0) + count * tiles
        found[name] = totals
    fixed = found["fixed"]
    return {
        name: {kind: fixed[kind] / totals[kind] for kind in totals}
        for name, totals in found.items()
    }


def _steps(spec: CoreSpec, plan_name: str, product: Product) -> NDArray[np.int64]:
    """Steps of each macro for each vector, tile of K by tile of K: (vectors, macros)."""
    plan = PLANS[plan_name]
    steps = cycles(spec.macro, plan, groups_of(product.x, spec.macro.lanes), product.x_signed)
    steps = np.pad(steps, [(0, 0), (0, -steps.shape[1] % spec.macros)], constant_values=1)
    tiles = steps.reshape(len(steps), -1, spec.macros)
    return tiles.swapaxes(0, 1).reshape(-1, spec.macros)


def _lock_step(steps: NDArray[np.int64]) -> float:
    return float(steps.max(axis=1).sum())


def table(title: str, found: Mapping[str, Mapping[str, float]]) -> Table:
    """Each plan's ratios."""
    result = Table(title=title, title_justify="left")
    result.add_column("plan")
    kinds = list(next(iter(found.values())))
    for kind in kinds:
        result.add_column(kind, justify="right")
    for name, figures in found.items():
        result.add_row(name, *(f"{figures[kind]:.2f}" for kind in kinds))
    return result
