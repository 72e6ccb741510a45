"""What logic is mapped to: generic gates with transistor counts, or the cells of a Liberty file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SCRIPT = "strash;ifraig;dc2;strash;map;topo"

# Yosys' own counts for static CMOS, as `stat -tech cmos` adds them up.
GATE_TRANSISTORS = {
    "BUF": 1,
    "NOT": 2,
    "NAND": 4,
    "NOR": 4,
    "AND": 6,
    "OR": 6,
    "ANDNOT": 6,
    "ORNOT": 6,
    "AOI3": 6,
    "OAI3": 6,
    "AOI4": 8,
    "OAI4": 8,
    "NMUX": 10,
    "MUX": 12,
    "XOR": 12,
    "XNOR": 12,
}
GATE_EQUIVALENT = 4
"""Transistors of a NAND2, which counts as one gate."""
FLIP_FLOP, ENABLE, RESET = 24, 8, 4
"""Transistors of a D flip-flop (6 gates), and more for an enable (2) and for a reset (1)."""
BITCELL, LATCH_CELL = 6, 12
"""Transistors of one stored bit: an SRAM cell, or a latch with its own write gate."""


@dataclass(frozen=True, kw_only=True)
class Library:
    """A technology to map to, and how: the Yosys commands between ``synth`` and ``stat``."""

    name: str
    gates: str = ""
    script: str = SCRIPT
    liberty: str = ""

    def commands(self) -> list[str]:
        """Yosys commands that map a flat netlist; a Liberty file is called ``cells.lib``."""
        script = self.script.replace(" ", "")
        if self.liberty:
            return [
                "dfflibmap -liberty cells.lib",
                f"abc -liberty cells.lib -script +{script}",
                "opt_clean -purge",
                "tee -q -o stat.json stat -json -liberty cells.lib",
            ]
        return [
            f"abc -g {self.gates} -script +{script}",
            "opt_clean -purge",
            "tee -q -o stat.json stat -json -tech cmos",
        ]

    def inputs(self) -> dict[str, str]:
        """Files that the commands read."""
        return {"cells.lib": self.liberty} if self.liberty else {}


GATES = Library(name="gates", gates="gates")
"""The published flow. ABC takes AND for as cheap as NAND; the transistors tell them apart."""
CMOS = Library(name="cmos", gates="cmos4,XOR,XNOR")
"""ABC's prices are the transistors, with and-or-invert gates of three and four inputs."""
SMALLEST = Library(
    name="smallest", gates="cmos4,XOR,XNOR", script="strash;ifraig;dc2;strash;amap;topo"
)
"""As ``CMOS``, mapped for area whatever the depth: the least transistors of the three."""


def liberty_library(path: Path) -> Library:
    """Return the cells of a Liberty file, sized for speed; delays are printed by ABC."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the Liberty file {str(path)!r} cannot be read: {error}") from None
    if "library" not in text or "cell" not in text:
        raise ValueError(f"{str(path)!r} is no Liberty file: it has no library of cells")
    script = "strash;ifraig;dc2;strash;dch;map,-B,0.9;topo;buffer,-c;topo;upsize;dnsize;stime,-p,-d"
    return Library(name=path.stem, script=script, liberty=text)


def is_flip_flop(cell: str) -> bool:
    """Whether a Yosys cell type is a register."""
    return cell.startswith("$_") and ("DFF" in cell or "LATCH" in cell)


def flip_flop_transistors(cell: str) -> int:
    """Transistors of a register of Yosys' type: ``$_SDFFE_PP0P_`` has reset and enable."""
    kind = cell.split("_")[1]
    polarities = cell.split("_")[2]
    enable = kind.endswith("E")
    reset = kind.startswith(("SDFF", "ALDFF")) or len(polarities) > 1 + enable
    return FLIP_FLOP + ENABLE * enable + RESET * reset


def logic_transistors(counts: Mapping[str, int]) -> int:
    """Transistors of the gates among ``counts`` (Yosys cell types), registers apart."""
    return sum(
        GATE_TRANSISTORS[cell[2:-1]] * count
        for cell, count in counts.items()
        if cell.startswith("$_") and not is_flip_flop(cell)
    )
