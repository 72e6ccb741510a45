"""What can stand behind a board's link: a row of the operator table, or the accelerator."""

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from amaranth.lib import wiring

from fpga.identity import design_hash
from fpga.link.streams import Streams
from fpga.sdram.part import SdramPart
from sim.operators import operator
from sim.row import Operator, Point


@dataclass(frozen=True, kw_only=True)
class Design(ABC):
    """What is put behind the link.

    megahertz, quick_megahertz
        Clock that it is built for; that on a chip of the quickest speed grade, where it is another.
    tables, memories, multipliers
        Of its chip's that it needs, where not every chip of the family has them.
    sdram
        Memory beside the chip that it needs.
    synthesis
        Further options of Yosys' synthesis for the family.
    before, after
        Commands of Yosys before and after it; they find ``fpga/distributed_ram.v`` beside them.
    routing
        Further options of nextpnr.
    """

    name: str
    megahertz: float
    quick_megahertz: float | None = None
    tables: int = 0
    memories: int = 0
    multipliers: int = 0
    sdram: SdramPart | None = None
    synthesis: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    routing: tuple[str, ...] = ()

    @property
    @abstractmethod
    def number(self) -> int:
        """Hash that tells it apart."""

    @abstractmethod
    def target(self) -> wiring.Component:
        """Return the component that stands behind the bus."""


@dataclass(frozen=True, kw_only=True)
class StreamDesign(Design):
    """A row of the operator table at a size of its own.

    row
        Name of the row that builds and checks it.
    point
        Its spec and plan.
    depth
        Words that each of its outputs can keep.
    by_turns
        Its input streams wait for each other: none can be sent whole.
    """

    row: str
    point: Point
    depth: int = 512
    by_turns: bool = False

    @property
    def operator(self) -> Operator:
        """Its row."""
        return operator(self.row)

    @property
    def number(self) -> int:
        """Hash of name, spec and plan."""
        return design_hash(self.name, self.point.spec, self.point.plan)

    def target(self) -> wiring.Component:
        """Return the row's component with its streams on the bus."""
        return Streams(self.operator.component(self.point), self.depth)


@dataclass(frozen=True, kw_only=True)
class AcceleratorDesign(Design):
    """The accelerator with memory on the chip or beside it, which it shares with the link.

    config
        Its plan by name, in ``fpga.accelerator``.
    block_bytes
        Memory in block RAM, where there is none beside the chip.
    """

    config: str
    block_bytes: int = 0

    @property
    def memory_bytes(self) -> int:
        """Memory that link and accelerator share."""
        return self.block_bytes if self.sdram is None else self.sdram.size

    @property
    def plan(self) -> Any:
        """Its ``hw.accelerator.plan.AcceleratorPlan``."""
        return self._module().PLANS[self.config]

    @property
    def number(self) -> int:
        """Hash of name, plan and size."""
        return design_hash(self.name, self.plan, self.sdram or self.block_bytes)

    def target(self) -> wiring.Component:
        """Return accelerator and memory behind the bus."""
        module, bus_bytes = self._module(), self.plan.machine.bus_bytes
        if self.sdram is None:
            store = module.BlockStore(self.block_bytes, bus_bytes)
        else:
            store = module.SdramController(self.sdram, self.megahertz * 1e6, bus_bytes)
        component: wiring.Component = module.HostedAccelerator(self.plan, store)
        return component

    @staticmethod
    def _module() -> Any:
        # By name: figures of the other designs do not hang on the accelerator's sources.
        return importlib.import_module("fpga.accelerator")
