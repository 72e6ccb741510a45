"""Designs that fit a family of FPGAs: a row of the operator table at a size of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from amaranth.lib import wiring

from fpga.identity import design_hash
from fpga.link.streams import Streams
from golden.operator_spec import AttentionSpec, SoftmaxSpec
from golden.spec import MacroSpec
from hw.engine.plan import EnginePlan
from hw.macro.pipelined import PipelinedPlan
from hw.macro.plan import MacroPlan
from hw.ops.plan import MaxFinderPlan, SoftmaxPlan
from sim.operators import operator
from sim.row import Operator, Point


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is put behind the link.

    row
        Name of the row of the operator table that builds and checks it.
    point
        Its spec and plan.
    megahertz
        Clock that it is built for.
    depth
        Words that each of its outputs can keep.
    multipliers
        Of its chip's that it needs.
    synthesis
        Further options of Yosys' synthesis for the family.
    """

    name: str
    row: str
    point: Point
    megahertz: float
    depth: int = 512
    multipliers: int = 0
    synthesis: tuple[str, ...] = ()

    @property
    def operator(self) -> Operator:
        """Its row."""
        return operator(self.row)

    @property
    def number(self) -> int:
        """Hash that tells it apart."""
        return design_hash(self.name, self.point)

    def target(self) -> wiring.Component:
        """Return the component that stands behind the bus."""
        return Streams(self.operator.component(self.point), self.depth)


def _designs(*designs: Design) -> dict[str, Design]:
    return {design.name: design for design in designs}


ECP5 = _designs(
    Design(
        name="macro",
        row="pipelined_macro",
        point=Point(
            spec=MacroSpec(),
            plan=PipelinedPlan(macro=MacroPlan(bits_per_cycle=1, products="plain")),
        ),
        megahertz=80,
        synthesis=("-nodsp",),
    ),
    Design(
        name="parallel",
        row="pipelined_macro",
        point=Point(spec=MacroSpec(columns=16), plan=PipelinedPlan(products="multipliers")),
        megahertz=80,
        multipliers=128,
    ),
    Design(
        name="softmax",
        row="softmax",
        point=Point(
            spec=SoftmaxSpec(), plan=SoftmaxPlan(max_finder=MaxFinderPlan(lanes=8), longest=512)
        ),
        megahertz=60,
    ),
    Design(
        name="engine",
        row="engine",
        point=Point(
            spec=AttentionSpec(heads=1, key_block=8),
            plan=EnginePlan(head_size=8, lanes=8, rows=16, longest=256, output_lanes=4),
        ),
        megahertz=40,
    ),
)

ICE40 = _designs(
    Design(
        name="macro",
        row="macro",
        point=Point(spec=MacroSpec(columns=4), plan=MacroPlan(bits_per_cycle=1, products="plain")),
        megahertz=18,
        depth=256,
    ),
    Design(
        name="softmax",
        row="softmax",
        point=Point(
            spec=SoftmaxSpec(), plan=SoftmaxPlan(max_finder=MaxFinderPlan(lanes=1), longest=256)
        ),
        megahertz=18,
        depth=256,
    ),
)

FAMILIES: Mapping[str, Mapping[str, Design]] = {"ecp5": ECP5, "ice40": ICE40}
