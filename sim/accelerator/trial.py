"""A network on a machine's RTL: what it computed, how long it took, what golden says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden.networks.describe import describe
from hw.accelerator.plan import AcceleratorPlan
from hw.program import compile_network
from sim.accelerator.arrival import TOKENS
from sim.accelerator.inputs import Use, read_inputs, use_of
from sim.accelerator.machine_bench import MachineSimulator
from sim.accelerator.networks import Loaded, load
from sim.accelerator.roofline import core_rate, engine_rate
from sim.accelerator.run import Run, first_difference, golden_tensors, run_rtl


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Runs of one program.

    texts, runs
        What was given, and what the machine made of each.
    macs
        Of each run: those of the graph at its lengths.
    tensors
        Compared with golden in each run.
    difference
        The first one.
    """

    use: Use
    texts: Sequence[str]
    runs: Sequence[Run]
    macs: Sequence[int]
    tensors: int
    difference: str | None

    @property
    def chooses(self) -> bool:
        """Whether the program chooses its tokens, and stores no more than those."""
        return TOKENS in self.runs[0].outputs

    @property
    def cycles(self) -> int:
        """Of all runs."""
        return sum(run.outcome.cycles for run in self.runs)

    @property
    def seconds(self) -> float:
        """Wall time of the simulation."""
        return sum(run.outcome.seconds for run in self.runs)

    def utilisation(self, plan: AcceleratorPlan) -> float:
        """Multiply-accumulates over those of as many cycles of all cores and the engine."""
        return sum(self.macs) / (self.cycles * peak(plan))

    def figures(self, plan: AcceleratorPlan) -> dict[str, Any]:
        """For a file: all runs together, then each."""
        return {
            "macs": sum(self.macs),
            "cycles": self.cycles,
            "utilisation": round(self.utilisation(plan), 4),
            "seconds": round(self.seconds, 2),
            "inputs": [
                {
                    "input": text,
                    "answer": self.use.answer(run.outputs),
                    "lengths": lengths_of(run),
                    "macs": macs,
                    "cycles": run.outcome.cycles,
                    "seconds": round(run.outcome.seconds, 2),
                }
                for text, run, macs in zip(self.texts, self.runs, self.macs, strict=True)
            ],
        }


def peak(plan: AcceleratorPlan) -> int:
    """Multiply-accumulates of a cycle in which every core takes a row and the whole engine works.

    That is W x W / 2 for each core and W / 2 x ``key_block`` for the engine.
    """
    return core_rate(plan.machine) + engine_rate(plan.machine)


def try_network(
    name: str,
    plan: AcceleratorPlan,
    machine: MachineSimulator,
    *,
    data: Path | None = None,
    latency: int = 40,
    trace: bool = False,
) -> Trial:
    """One program of that network on all of its usual inputs, one after the other.

    With ``trace`` the program stores every tensor; one that chooses its tokens stores just those.
    """
    loaded, use = load(name, plan.machine, data), use_of(name)
    given = [read_inputs(loaded, use, text, data) for text in use.default]
    program = compile_network(
        loaded.graph,
        plan.machine,
        loaded.maximums,
        trace=trace,
        decoding=loaded.decoding,
    )
    runs = list(run_rtl(machine, program, given, latency=latency))
    told = None
    for text, run in zip(use.default, runs, strict=True):
        found = first_difference(loaded.graph, run, golden_tensors(loaded, run.inputs))
        if found is not None and told is None:
            told = f"{name}, input {text!r}: {found}"
    return Trial(
        use=use,
        texts=use.default,
        runs=runs,
        macs=[macs_of(loaded, run) for run in runs],
        tensors=len({*program.outputs, *program.traced}),
        difference=told,
    )


def macs_of(loaded: Loaded, run: Run) -> int:
    """Multiply-accumulates of the graph at a run's lengths."""
    return sum(one.macs for one in describe(loaded.graph, lengths_of(run)))


def lengths_of(run: Run) -> dict[str, int]:
    """Of its inputs, and how many tokens it chose, if it does."""
    lengths = run.program.lengths(run.inputs)
    return lengths | ({"target": len(run.outputs[TOKENS])} if TOKENS in run.outputs else {})
