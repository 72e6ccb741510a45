"""What the model of cycles says of a run, beside what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hw.accelerator.plan import AcceleratorPlan
from hw.program.instructions import UNITS
from hw.program.program import Program
from sim.accelerator.timeline import Memory, Timeline

TOLERANCE = 0.05
"""Deviation of the model's cycles that is worth a warning."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Cycles by the model and as measured, in all and by unit: those in which it is busy."""

    cycles: float
    measured: int
    busy: Mapping[str, float]
    measured_busy: Mapping[str, int]

    @property
    def deviation(self) -> float:
        """Of the model from what was measured: 0.05 is five per cent more."""
        return self.cycles / self.measured - 1

    @property
    def figures(self) -> dict[str, Any]:
        """For a file."""
        return {
            "cycles": round(self.cycles),
            "deviation": round(self.deviation, 4),
            "busy": {unit: round(cycles) for unit, cycles in self.busy.items()},
        }


def memory_of(latency: int, pace: float, stall: float) -> Memory:
    """A memory that pauses in a share of all cycles, as one that is slower by as much."""
    return Memory(latency=latency, pace=pace + stall / (1 - stall))


def predict(
    program: Program,
    plan: AcceleratorPlan,
    inputs: Mapping[str, np.ndarray],
    measured: int,
    counters: Mapping[str, int],
    *,
    memory: Memory | None = None,
    tokens: Sequence[int] = (),
) -> Prediction:
    """The model of a run with these inputs that chose these tokens."""
    found = Timeline(program, program.registers(inputs), plan, memory=memory, reads=tokens)
    return Prediction(
        cycles=found.cycles,
        measured=measured,
        busy={unit: found.busy(unit) for unit in UNITS[1:]},
        measured_busy={unit: counters[f"{unit}_busy"] for unit in UNITS[1:]},
    )
