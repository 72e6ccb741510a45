"""Synthesis of one definition."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw import yosys
from hw.area.library import Library
from hw.verilog import Definition

TIMING = "stats.txt"
"""Where ABC's ``stime -d`` appends inputs, outputs, gates, area and delay of a netlist."""


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """A module after mapping, as Yosys wrote it."""

    name: str
    placed: frozenset[str]
    run: yosys.Run

    def _statistics(self) -> dict[str, Any]:
        return json.loads(self.run.outputs["stat.json"])["modules"][f"\\{self.name}"]

    def cells(self) -> dict[str, int]:
        """Cells of the technology by type, black boxes and placed modules left out."""
        counts = self._statistics()["num_cells_by_type"]
        return {cell: n for cell, n in sorted(counts.items()) if cell not in self.placed}

    def square_micrometres(self) -> float:
        """Area of the cells of a Liberty file."""
        return float(self._statistics().get("area", 0.0))

    def picoseconds(self) -> float:
        """Longest delay that ABC states; 0 if there is no logic to speak of."""
        words = self.run.outputs[TIMING].split()
        return float(words[5]) if words else 0.0

    def netlist(self) -> dict[str, Any]:
        """The module in Yosys' JSON."""
        return json.loads(self.run.outputs["netlist.json"])["modules"][self.name]

    @property
    def verilog(self) -> str:
        """The mapped module as Verilog."""
        return self.run.outputs["netlist.v"]


def synthesise(module: Definition, stubs: str, library: Library, cache: Path) -> Mapped:
    """Map ``module`` to ``library``, flat, with what it places as the black boxes ``stubs``."""
    liberty = ["read_liberty -lib -ignore_miss_func cells.lib"] if library.liberty else []
    script = [
        "read_verilog design.v stubs.v",
        *liberty,
        f"synth -flatten -noabc -top {module.name}",
        *library.commands(),
        "write_json netlist.json",
        "write_verilog -noattr netlist.v",
    ]
    # The packaged Yosys loses what ABC prints, so the delay comes by a file; ABC may not write it.
    inputs = {"design.v": module.text, "stubs.v": stubs, TIMING: "", **library.inputs()}
    outputs = ["stat.json", "netlist.json", "netlist.v", TIMING]
    run = yosys.run("\n".join(script) + "\n", inputs, outputs, cache)
    placed = frozenset([*module.instances, *module.black_boxes])
    return Mapped(name=module.name, placed=placed, run=run)
