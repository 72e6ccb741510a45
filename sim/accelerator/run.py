"""Networks on the accelerator's RTL, each tensor that crosses memory compared with golden."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from golden.graph import Graph
from golden.networks.decoding import Growing, greedy
from golden.networks.run import call_integer, run_integer
from hw.accelerator.accelerator import Accelerator
from hw.accelerator.plan import AcceleratorPlan
from hw.program.program import Program
from sim.accelerator.arrival import TOKENS, arrival
from sim.accelerator.machine_bench import (
    OPTIMIZE,
    Job,
    MachineSimulator,
    Outcome,
    build,
)
from sim.accelerator.networks import Loaded
from sim.traffic import StreamError

CYCLES = 1 << 31
"""A run is given up after so many, or when the watchdog of the machine has had enough."""

_THOROUGH = "-O2 -march=native"
"""Flags of the C++ compiler for machines of several cores: a tenth less time, a minute to build."""

WATCHDOG = 1_000_000


class RunError(StreamError):
    """A program did not come to its end; the message has status, unit and cycle."""


class Made(Protocol):
    """What some machine made: tensors by name, as golden has them."""

    @property
    def outputs(self) -> Mapping[str, np.ndarray]:
        """Those that it was asked for."""

    @property
    def traced(self) -> Mapping[str, np.ndarray]:
        """Those that were kept for comparison."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a machine made of some inputs by a program.

    outputs, traced
        Tensors by name, as golden has them.
    outcome
        Cycles, counters and wall time.
    """

    program: Program
    inputs: Mapping[str, Any]
    outputs: Mapping[str, np.ndarray]
    traced: Mapping[str, np.ndarray]
    outcome: Outcome

    def arrival(self, name: str, index: tuple[int, ...]) -> int:
        """Cycle at which the store that took ``name[index]`` to memory was complete."""
        tokens = [int(token) for token in self.outputs.get(TOKENS, ())]
        completions = self.outcome.completions
        return arrival(self.program, self.inputs, completions, tokens, name, index)


def simulator(plan: AcceleratorPlan) -> MachineSimulator:
    """The machine of a plan in Verilator, built once."""
    return build(Accelerator(plan), optimize=OPTIMIZE if plan.machine.cores == 1 else _THOROUGH)


def run_rtl(
    machine: MachineSimulator,
    program: Program,
    inputs: Sequence[Mapping[str, Any]],
    *,
    latency: int = 40,
    pace: int = 1,
    stall: float = 0.0,
    seed: int = 0,
    sample: int = 0,
    completions: bool = True,
    watchdog: int = WATCHDOG,
) -> Iterator[Run]:
    """Run ``program`` on each of ``inputs``; the same memory, the same machine, one by one.

    Parameters
    ----------
    latency, pace, stall, seed : of memory, as in ``Job``
    sample : cycles between samples of the counters
    completions : whether to tell when each instruction was complete, and so each tensor
    watchdog : cycles without progress after which a run is given up
    """
    jobs = [
        Job(
            image=memory_parts(program, given, whole=index == 0),
            results={"memory": (0, program.memory_bytes)},
            arguments=program.registers(given),
            limit=CYCLES,
            watchdog=watchdog,
            latency=latency,
            pace=pace,
            stall=stall,
            seed=seed + index,
            sample=sample,
            completions=completions,
        )
        for index, given in enumerate(inputs)
    ]
    outcomes = machine.run(jobs, program.memory_bytes)
    for given, outcome in zip(inputs, outcomes, strict=True):
        if not outcome.done:
            raise RunError(
                f"program {program.name!r} ended with {outcome.fault.name} of unit {outcome.unit} "
                f"after {outcome.cycles} cycles"
            )
        memory = outcome.results["memory"]
        yield Run(
            program=program,
            inputs=given,
            outputs=program.results(memory, given),
            traced=program.results(memory, given, traced=True),
            outcome=outcome,
        )


def golden_tensors(loaded: Loaded, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Every tensor of golden, and the tokens that it chooses where the network decodes."""
    decoding = loaded.decoding
    if decoding is None:
        return run_integer(loaded.graph, inputs)
    growing = Growing(loaded.graph, inputs, decoding.growing, call_integer)
    tokens = greedy(growing, decoding.start, decoding.end, decoding.limit)
    return {TOKENS: np.array(tokens)}


def first_difference(graph: Graph, run: Made, golden: Mapping[str, np.ndarray]) -> str | None:
    """Operator, tensor and index where the machine first differs from golden, in graph order.

    And the cycle at which that element was in memory, where a run tells.
    """
    makers = {name: one for one in graph.operators for name in one.outputs}
    order = {name: index for index, name in enumerate(makers)}
    found = {**run.traced, **run.outputs}
    for name in sorted(found, key=lambda name: order.get(name, len(order))):
        ours, theirs = np.asarray(found[name]), np.asarray(golden[name])
        where = f"tensor {name!r}"
        if name in makers:
            where += f" of operator {makers[name].name!r} ({makers[name].kind})"
        # Tokens may end too early or late: those that both have tell more.
        both = tuple(slice(min(sizes)) for sizes in zip(ours.shape, theirs.shape, strict=True))
        wrong = np.argwhere(ours[both] != theirs[both])
        if wrong.size:
            index = tuple(int(i) for i in wrong[0])
            when = ""
            if isinstance(run, Run) and run.outcome.completions.size:
                when = f", stored at cycle {run.arrival(name, index):,}"
            return (
                f"{where} differs first at {index}{when}: {ours[index]}, not {theirs[index]}; "
                f"{len(wrong)} of {ours.size} differ"
            )
        if ours.shape != theirs.shape:
            return f"{where} has the shape {ours.shape}, not {theirs.shape}"
    return None


def memory_parts(program: Program, given: Mapping[str, Any], whole: bool) -> dict[int, np.ndarray]:
    """What memory gets before a run, by address: all at first, later the inputs only."""
    if whole:
        return {0: program.memory(given)}
    return {
        one.address: np.frombuffer(one.pack(np.asarray(given[name])), np.uint8)
        for name, one in program.inputs.items()
    }
