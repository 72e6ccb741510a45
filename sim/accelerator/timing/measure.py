"""Measures the table of ``sim.accelerator.timing.pace`` by the schedule that RTL is held to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from golden.graph import Graph
from hw.accelerator.plan import AcceleratorPlan
from hw.core.schedule import core_cycles
from hw.macro.schedule import cycles
from sim.accelerator.timing.pace import Pace, product_of


def measure(
    graph: Graph, plan: AcceleratorPlan, runs: Iterable[Mapping[str, NDArray]]
) -> dict[str, Pace]:
    """Mean and tail by product, and of all of them as ``every``, for the codes of these runs.

    A product is one tile of K after the other, as a core takes it: each macro at its own pace
    between the input buffer and the column sums. The tail is what the rows of one tile take alone
    beyond their mean.
    """
    spec, core = plan.core_spec, plan.core_plan
    latency = core_cycles(spec, core, np.ones((1, spec.macros), np.int64)) - 1
    totals: dict[str, NDArray] = defaultdict(lambda: np.zeros(4))
    for tensors in runs:
        for operator in graph.operators:
            if operator.kind != "linear":
                continue
            name = operator.inputs[0]
            codes = np.asarray(tensors[name])  # (N, K)
            codes = np.pad(codes, ((0, 0), (0, -codes.shape[1] % spec.lanes)))
            parts = codes.reshape(len(codes), -1, spec.macros, spec.macro.lanes)
            steps = cycles(
                spec.macro, plan.macro, parts.transpose(1, 0, 2, 3), graph.tensors[name].signed
            )  # (tiles of K, N, macros)
            whole = core_cycles(spec, core, steps.reshape(-1, spec.macros)) - latency
            alone = sum(core_cycles(spec, core, tile) - latency for tile in steps)
            for key in (product_of(operator.name), "every"):
                totals[key] += (whole, alone, steps.shape[0] * steps.shape[1], steps.shape[0])
    found = {}
    for key, (whole, alone, rows, tiles) in totals.items():
        mean = whole / rows
        found[key] = Pace(round(mean, 3), round((alone - mean * rows) / tiles, 2))
    return found
