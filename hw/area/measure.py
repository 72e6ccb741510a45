"""Area of a component: each definition synthesised once, summed through the hierarchy."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

from hw import yosys
from hw.area.depth import Depth, module_depth
from hw.area.design import Design
from hw.area.library import (
    BITCELL,
    GATE_EQUIVALENT,
    GATES,
    LATCH_CELL,
    Library,
    flip_flop_transistors,
    is_flip_flop,
    logic_transistors,
)
from hw.area.synthesis import synthesise


@dataclass(frozen=True, kw_only=True)
class ModuleArea:
    """One definition, without those that it places; ``picoseconds`` from a Liberty file only."""

    name: str
    copies: int
    cells: dict[str, int]
    square_micrometres: float | None = None
    picoseconds: float | None = None

    @property
    def transistors(self) -> int:
        """Transistors of the logic, registers included."""
        registers = sum(flip_flop_transistors(cell) * n for cell, n in self._registers())
        return logic_transistors(self.cells) + registers

    @property
    def flip_flops(self) -> int:
        """Bits of register."""
        return sum(count for _, count in self._registers())

    @property
    def flip_flop_transistors(self) -> int:
        """Transistors of the registers alone."""
        return sum(flip_flop_transistors(cell) * count for cell, count in self._registers())

    def _registers(self) -> list[tuple[str, int]]:
        return [(cell, count) for cell, count in self.cells.items() if is_flip_flop(cell)]


@dataclass(frozen=True, kw_only=True)
class Area:
    """Area of a component: logic (registers included) and, apart from it, storage.

    ``depth`` is the longest path in gates (inverters too) across all modules; with a Liberty file
    it is None, ``square_micrometres`` is the logic and ``picoseconds`` the slowest module by ABC.
    ``picoseconds_bound`` adds up, along the longest path, the delay of every module that it enters:
    no path is longer.
    """

    name: str
    library: str
    modules: tuple[ModuleArea, ...]
    storage_bits: int
    depth: int | None = None
    square_micrometres: float | None = None
    picoseconds: float | None = None
    picoseconds_bound: float | None = None

    def _sum(self, number: Callable[[ModuleArea], int]) -> int:
        return sum(module.copies * number(module) for module in self.modules)

    @property
    def cells(self) -> int:
        """Cells of the logic, registers included."""
        return self._sum(lambda module: sum(module.cells.values()))

    @property
    def transistors(self) -> int:
        """Estimated transistors of the logic, registers included."""
        return self._sum(lambda module: module.transistors)

    @property
    def flip_flops(self) -> int:
        """Bits of register."""
        return self._sum(lambda module: module.flip_flops)

    @property
    def flip_flop_transistors(self) -> int:
        """Transistors of the registers, which ``transistors`` contains."""
        return self._sum(lambda module: module.flip_flop_transistors)

    @property
    def gate_equivalents(self) -> float:
        """Logic in NAND2."""
        return self.transistors / GATE_EQUIVALENT

    def storage_transistors(self, latches: bool = False) -> int:
        """Transistors of the storage, as six-transistor cells or as twelve-transistor latches."""
        return self.storage_bits * (LATCH_CELL if latches else BITCELL)

    def as_dict(self) -> dict[str, Any]:
        """Data for JSON, with stable keys; transistors are None with a Liberty file."""
        generic = self.square_micrometres is None
        numbers = {
            "name": self.name,
            "library": self.library,
            "cells": self.cells,
            "transistors": self.transistors if generic else None,
            "gate_equivalents": self.gate_equivalents if generic else None,
            "flip_flops": self.flip_flops if generic else None,
            "flip_flop_transistors": self.flip_flop_transistors if generic else None,
            "storage_bits": self.storage_bits,
            "storage_transistors_bitcells": self.storage_transistors(),
            "storage_transistors_latches": self.storage_transistors(latches=True),
            "depth_gates": self.depth,
            "square_micrometres": self.square_micrometres,
            "picoseconds": self.picoseconds,
            "picoseconds_bound": self.picoseconds_bound,
        }
        modules = [
            {"name": one.name, "copies": one.copies, "cells": one.cells} for one in self.modules
        ]
        return {**numbers, "modules": modules}


def measure(
    component: Any,
    library: Library = GATES,
    *,
    cache: Path = yosys.CACHE,
    progress: Callable[[str], None] = lambda message: None,
) -> Area:
    """Return the area of ``component``, or of a ``Design`` made from it before.

    Each definition is synthesised once, flat within itself, with those that it places as black
    boxes; equal definitions are read from ``cache``. ``progress`` is told each module's name.
    """
    design = component if isinstance(component, Design) else Design.of(component)
    areas: list[ModuleArea] = []
    depths: dict[str, Depth] = {}
    for module in design.modules:
        progress(module.name)
        stubs = design.stubs(module)
        done = synthesise(module, stubs, library, cache)
        areas.append(
            ModuleArea(
                name=module.name,
                copies=design.copies[module.name],
                cells=done.cells(),
                square_micrometres=done.square_micrometres() if library.liberty else None,
                picoseconds=done.picoseconds() if library.liberty else None,
            )
        )
        if library.liberty:
            # Which ports a path joins is read from generic gates: a Liberty cell may be a register.
            netlist = synthesise(module, stubs, GATES, cache).netlist()
            segment = ceil(areas[-1].picoseconds or 0)
            depths[module.name] = module_depth(netlist, depths, gate=0, segment=segment)
        else:
            depths[module.name] = module_depth(done.netlist(), depths)
    worst = depths[design.name].worst
    measured = Area(
        name=design.name,
        library=library.name,
        modules=tuple(areas),
        storage_bits=design.storage_bits,
    )
    if not library.liberty:
        return replace(measured, depth=worst)
    return replace(
        measured,
        square_micrometres=sum(one.copies * (one.square_micrometres or 0) for one in areas),
        picoseconds=max(one.picoseconds or 0 for one in areas),
        picoseconds_bound=worst,
    )
