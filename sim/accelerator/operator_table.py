"""Where the cycles of a run went, operator by operator, beside the least that they can be."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from golden.graph import Graph
from golden.networks.describe import OperatorSize, describe
from hw.accelerator.plan import AcceleratorPlan
from hw.program.program import Program
from sim.accelerator.roofline import Roofline, of_operators
from sim.accelerator.spans import Span, under_way

_LAYER = re.compile(r"^layer\.\d+\.")


@dataclass(frozen=True, kw_only=True)
class OperatorRow:
    """An operator, of all layers together.

    name
        Without its layer; fused ones go by the first.
    units
        That it took, the one that was under way longest first.
    cycles
        In which any of its instructions was under way; operators overlap.
    macs, least
        Its products, and the least cycles of what it needs.
    """

    name: str
    units: tuple[str, ...]
    cycles: int
    macs: int
    least: Roofline

    @property
    def utilisation(self) -> float:
        """Of the resource that bounds it."""
        return self.least.cycles / self.cycles if self.cycles else 0.0

    @property
    def figures(self) -> dict[str, Any]:
        """For a file."""
        return {
            "operator": self.name,
            "units": list(self.units),
            "cycles": self.cycles,
            "macs": self.macs,
            "utilisation": round(self.utilisation, 4),
            **self.least.figures,
        }


def operator_rows(
    graph: Graph,
    program: Program,
    plan: AcceleratorPlan,
    found: Sequence[Span],
    lengths: Mapping[str, int],
) -> list[OperatorRow]:
    """In the order in which they begin."""
    names = {one.name for one in graph.operators}
    spans: dict[str, list[Span]] = defaultdict(list)
    served: dict[str, set[str]] = defaultdict(set)
    told_of = [_operators(program.remarks[one.place], names) for one in found]
    # What belongs to a fused operator, as its channel numbers do, counts with all of them.
    home = {name: group[0] for group in told_of for name in group if len(group) > 1}
    for one, operators in zip(found, told_of, strict=True):
        if operators:
            row = _LAYER.sub("", home.get(operators[0], operators[0]))
            spans[row].append(one)
            served[row].update(operators)
    # Products of the same rows are one: their first one's name stands for all.
    told = {name for group in served.values() for name in group}
    for operator in graph.operators:
        if operator.kind == "linear" and operator.name not in told:
            same = next(x for x in graph.operators if x.inputs[:1] == operator.inputs[:1])
            served[_LAYER.sub("", same.name)].add(operator.name)
    sizes = {one.name: one for one in describe(graph, lengths)}
    return [
        OperatorRow(
            name=row,
            units=_units(group),
            cycles=under_way(group),
            macs=sum(sizes[name].macs for name in served[row]),
            least=_least(sizes, served[row], plan),
        )
        for row, group in spans.items()
    ]


def _least(sizes: Mapping[str, OperatorSize], names: set[str], plan: AcceleratorPlan) -> Roofline:
    """Of every layer by itself, then all together."""
    layers: dict[str, list[OperatorSize]] = defaultdict(list)
    for name in names:
        match = _LAYER.match(name)
        layers[match[0] if match else ""].append(sizes[name])
    found = [of_operators(group, plan) for group in layers.values()]
    return Roofline(**{
        one.name: sum(getattr(x, one.name) for x in found) for one in fields(Roofline)
    })


def _units(group: Sequence[Span]) -> tuple[str, ...]:
    units = dict.fromkeys(one.unit for one in group)
    cycles = {unit: under_way([one for one in group if one.unit == unit]) for unit in units}
    return tuple(sorted(units, key=lambda unit: -cycles[unit]))


def _operators(remark: str, names: set[str]) -> list[str]:
    """Operators that a remark names; what belongs to one, as its channels do, counts as its own."""
    found = []
    for part in remark.split(", "):
        name = part
        while name and name not in names:
            name = name.rpartition(".")[0]
        if name and name not in found:
            found.append(name)
    return found
