"""Where a program's cycles go, by the kinds of operators that its instructions serve."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from golden.graph import Graph
from golden.networks.describe import describe
from hw.program.program import Program
from sim.accelerator.timeline import Timeline

UNITS = ("cores", "vector", "engine", "weights", "load", "store")
"""Where two units take as long, the first is named."""


@dataclass(kw_only=True)
class Kind:
    """Operators of a kind, or those that are fused: products, and cycles in which units move data.

    Units work side by side, so that kinds add up to more cycles than pass.
    """

    macs: int = 0
    moved: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    buffered: float = 0.0
    """Of the cycles of weights, those that read the buffer."""

    @property
    def unit(self) -> str:
        """The unit that takes longest."""
        return max(UNITS, key=lambda unit: self.moved[unit])

    @property
    def cycles(self) -> float:
        """Of that unit."""
        return self.moved[self.unit]

    @property
    def bound(self) -> str:
        """Whether that unit waits for memory's words, for the buffer's, or computes."""
        if self.unit == "weights" and 2 * self.buffered > self.cycles:
            return "buffer"
        return "memory" if self.unit in {"weights", "load", "store"} else "compute"

    @property
    def figures(self) -> dict[str, Any]:
        """For a file."""
        cycles = round(self.cycles)
        return {"macs": self.macs, "cycles": cycles, "unit": self.unit, "bound": self.bound}


def breakdown(
    graph: Graph, program: Program, found: Timeline, lengths: Mapping[str, int]
) -> dict[str, Kind]:
    """By kind, that with the most cycles first."""
    kinds: dict[str, Kind] = defaultdict(Kind)
    made = {one.name: one.kind for one in graph.operators}
    for event in found.events:
        kind = kind_of(program.remarks[event.place], made)
        kinds[kind].moved[event.unit] += event.moved
        if program.instructions[event.place].name == "activations":
            kinds[kind].buffered += event.moved
    for size in describe(graph, lengths):
        if size.macs:
            kinds[size.kind].macs += size.macs
    return dict(sorted(kinds.items(), key=lambda item: -item[1].cycles))


def kind_of(remark: str, made: Mapping[str, str]) -> str:
    """What an instruction serves: the kinds of the operators that its remark names."""
    kinds: list[str] = []
    for part in remark.split(", "):
        name = part
        # What an operator needs beside its result is named after it.
        while name and name not in made:
            name = name.rpartition(".")[0]
        if name and (name == part or not kinds):
            kinds.append(made[name])
    return " + ".join(dict.fromkeys(kinds)) or "inputs and tables"
