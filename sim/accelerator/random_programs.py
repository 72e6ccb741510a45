"""Random small programs on the accelerator's RTL, with a memory of any latency that pauses."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hw.accelerator.plan import AcceleratorPlan
from hw.program import compile_network
from hw.program.compiler.plan import CompilerPlan
from sim.accelerator.machine_bench import MachineError, MachineSimulator
from sim.accelerator.random_networks import random_case
from sim.accelerator.run import RunError, first_difference, golden_tensors, run_rtl

LATENCIES = (0, 1, 5, 40, 130)
PACES = (1, 1, 2, 4)
STALLS = (0.0, 0.1, 0.5)
"""Of memory, drawn for each program."""

WATCHDOG = 20_000
"""Cycles without progress: more than any pause of memory, so that it tells of a deadlock."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What became of a seed.

    cycles
        Of its run; 0 if the network was refused.
    refused
        Why the machine or the compiler does not take the network.
    wrong
        The first difference from golden, or how the run ended.
    """

    seed: int
    cycles: int = 0
    refused: str | None = None
    wrong: str | None = None


def try_seeds(plan: AcceleratorPlan, machine: MachineSimulator, seeds: range) -> list[Tried]:
    """Each seed's network, compiled by a random plan, run once; every tensor against golden."""
    return [_try(plan, machine, seed) for seed in seeds]


def _try(plan: AcceleratorPlan, machine: MachineSimulator, seed: int) -> Tried:
    rng = np.random.default_rng(seed)
    choices = CompilerPlan(
        row_cycles=int(rng.choice([1, 8])), row_block=(None, None, 5, 16)[int(rng.integers(4))]
    )
    timing: dict[str, Any] = {
        "latency": int(rng.choice(LATENCIES)),
        "pace": int(rng.choice(PACES)),
        "stall": float(rng.choice(STALLS)),
        "seed": seed,
        "watchdog": WATCHDOG,
    }
    found = Tried(seed=seed)
    try:
        case = random_case(seed, plan.machine)
        graph = case.loaded.graph
        program = compile_network(
            graph, plan.machine, case.loaded.maximums, trace=bool(rng.random() < 0.5), plan=choices
        )
    except ValueError as error:
        return replace(found, refused=str(error))
    (given,) = case.inputs
    try:
        (run,) = run_rtl(machine, program, [given], **timing)
    except (RunError, MachineError) as error:
        return replace(found, wrong=f"{error} ({timing})")
    told = first_difference(graph, run, golden_tensors(case.loaded, given))
    if told is not None:
        told = f"{told} ({timing})"
    return replace(found, cycles=run.outcome.cycles, wrong=told)
