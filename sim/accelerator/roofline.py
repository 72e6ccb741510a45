"""The least cycles that some operators of a network can take on a machine, from its graph alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from golden.graph import Graph
from golden.networks.describe import OperatorSize, describe
from hw.accelerator.machine import Machine
from hw.accelerator.plan import AcceleratorPlan
from sim.accelerator.timing.pace import paces_of


@dataclass(frozen=True, kw_only=True)
class Roofline:
    """Cycles of each resource if nothing ever waits.

    cores
        Rows of codes at the feeder's mean cycles, shared out perfectly over all macros.
    engine
        Multiply-accumulates of attention over the engine's multipliers, if it attends.
    memory
        Constants of the operators once, and what is read of others once where that counts, over
        the bytes of a cycle.
    vector
        Elements of the longest result that is no product, over all lanes; where that counts.
    """

    cores: float
    engine: float
    memory: float
    vector: float = 0.0

    @property
    def cycles(self) -> float:
        """The largest."""
        return max(self.cores, self.engine, self.memory, self.vector)

    @property
    def bound(self) -> str:
        """Whether that is memory."""
        return "memory" if self.memory == self.cycles else "compute"

    @property
    def figures(self) -> dict[str, Any]:
        """For a file."""
        names = ("cores", "engine", "memory", "vector")
        return {**{name: round(getattr(self, name)) for name in names}, "bound": self.bound}


def of_layer(
    graph: Graph,
    names: Sequence[str],
    plan: AcceleratorPlan,
    lengths: Mapping[str, int],
    bus_bytes: float | None = None,
) -> Roofline:
    """Of all operators of a layer, by their names: weights are read once, and so are the rows that
    come in from outside of it.

    Parameters
    ----------
    lengths : of the inputs, such as ``{"tokens": 128}``
    bus_bytes : bytes of memory in a cycle, if not the machine's
    """
    sizes = {one.name: one for one in describe(graph, lengths)}
    stored = sum(sizes[name].constant_bytes for name in names)
    stored += _incoming(graph, set(names), sizes)
    return Roofline(
        cores=_cores(plan, [sizes[name] for name in names]),
        engine=_engine(plan, [sizes[name] for name in names]),
        memory=stored / (bus_bytes or plan.machine.bus_bytes),
    )


def of_operators(sizes: Sequence[OperatorSize], plan: AcceleratorPlan) -> Roofline:
    """Of operators in one instruction or product: what is between them stays on chip."""
    machine = plan.machine
    lookups = {"embedding", "position"}
    stored = sum(one.output_bytes if one.kind in lookups else one.constant_bytes for one in sizes)
    elements = [prod(one.shape) for one in sizes if not one.macs and one.kind not in lookups]
    return Roofline(
        cores=_cores(plan, sizes),
        engine=_engine(plan, sizes),
        memory=stored / machine.bus_bytes,
        vector=max(elements, default=0) / (plan.vector_plan.lanes * plan.vector_units),
    )


def core_rate(machine: Machine) -> int:
    """Multiply-accumulates of a cycle in which every macro takes a row of codes."""
    return machine.cores * machine.word_bytes * machine.lanes


def engine_rate(machine: Machine) -> int:
    """Multiply-accumulates of a cycle in which the whole engine works."""
    return machine.lanes * machine.key_block


def _cores(plan: AcceleratorPlan, sizes: Sequence[OperatorSize]) -> float:
    paces, rate = paces_of(plan), core_rate(plan.machine)
    products = (one for one in sizes if not _attends(one))
    return sum(one.macs * paces.of(one.name).mean / rate for one in products)


def _engine(plan: AcceleratorPlan, sizes: Sequence[OperatorSize]) -> float:
    return sum(one.macs for one in sizes if _attends(one)) / engine_rate(plan.machine)


def _attends(one: OperatorSize) -> bool:
    """Whether the engine computes an operator: attention of whole rows is the cores'."""
    return one.kind == "attention" and not one.whole_rows


def _incoming(graph: Graph, chosen: set[str], sizes: Mapping[str, OperatorSize]) -> int:
    """Bytes of what the operators read of others, each tensor once, and codes not beside rows."""
    makers = {name: one for one in graph.operators for name in one.outputs}
    found = set()
    for one in graph.operators:
        for name in one.inputs if one.name in chosen else ():
            maker = makers.get(name)
            while maker is not None and maker.kind == "quantize" and maker.name not in chosen:
                maker = makers.get(maker.inputs[0])
            if maker is not None and maker.name not in chosen:
                found.add(maker.name)
    return sum(sizes[name].output_bytes for name in found)
