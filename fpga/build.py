"""Bitstreams: Amaranth's files for a board, then Yosys, nextpnr and the packer."""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from fpga import tools
from fpga.boards import Board
from fpga.design import Design
from fpga.top import Top
from hw.yosys import write_atomically

ROOT = Path("build/fpga")
NAME = "top"
REPORT = "report.json"
DISTRIBUTED_RAM = Path(__file__).with_name("distributed_ram.v")

_CELLS = {
    "ecp5": {"tables": "TRELLIS_COMB", "registers": "TRELLIS_FF", "memories": "DP16KD"}
    | {"multipliers": "MULT18X18D"},
    "ice40": {"tables": "ICESTORM_LC", "registers": "", "memories": "ICESTORM_RAM"}
    | {"multipliers": "ICESTORM_DSP"},
}
"""nextpnr's names of cells by family; a logic cell of iCE40 holds a table and a register."""


class ClockMissed(RuntimeError):
    """The routed design is too slow; the message names the critical path."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a bitstream takes of its chip, and how fast it may run, by nextpnr."""

    board: str
    design: str
    chip: str
    tables: int
    registers: int
    memories: int
    multipliers: int
    asked_megahertz: float
    megahertz: float
    path: list[str]
    seed: int
    bitstream: str


def folder_of(board: Board, design: Design) -> Path:
    """Where everything of a build is kept."""
    return ROOT / board.name / design.name


def build(board: Board, design: Design, seed: int = 1) -> Report:
    """Make the bitstream and return its report, which is also kept beside it.

    Cells are placed with ``seed``.

    The folder holds every file and log of the tools; what was built of the same files is not built
    again. Raise ``ClockMissed`` if the design routed but is slower than its clock, ``ToolError`` if
    it does not fit.
    """
    folder = folder_of(board, design)
    files = make_files(board, design)
    digest = _digest(files, [seed, *design.routing])
    report = _kept(folder, digest)
    if report is None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        tools.run("yosys", ["-l", f"{NAME}.rpt", f"{NAME}.ys"], folder, "yosys.log")
        route = _ecp5 if board.chip.family == "ecp5" else _ice40
        bitstream = route(board, folder, _options(design, seed))
        report = read_report(board, design, folder, bitstream, seed)
        kept = json.dumps({"digest": digest, "report": asdict(report)}, indent=2) + "\n"
        write_atomically(folder / REPORT, kept.encode())
    if report.megahertz < design.megahertz:
        raise ClockMissed(
            f"{design.name} on {board.name} reaches {report.megahertz:.1f} MHz, not "
            f"{design.megahertz:g}: its critical path leads from {report.path[0]} by "
            f"{len(report.path) - 2} cells to {report.path[-1]}"
        )
    return report


def make_files(board: Board, design: Design) -> dict[str, bytes]:
    """Amaranth's files for the tools by name."""
    plan = create_platform(board).build(
        Top(board, design),
        NAME,
        do_build=False,
        synth_opts=list(design.synthesis),
        **({"script_after_read": "\n".join(design.before)} if design.before else {}),
        # The netlist that nextpnr is given, as Verilog too.
        script_after_synth="\n".join((*design.after, f"write_verilog -noattr {NAME}.netlist.v")),
    )
    files = {DISTRIBUTED_RAM.name: DISTRIBUTED_RAM.read_text()} if design.after else {}
    return {
        name: content if isinstance(content, bytes) else content.encode()
        for name, content in (files | plan.files).items()
    }


def _digest(files: dict[str, bytes], options: list[int | str]) -> str:
    """Hash of everything that decides a bitstream."""
    tool_versions = [metadata.version(name) for name in tools.PACKAGES]
    told = [(name, files[name].hex()) for name in sorted(files)]
    return hashlib.sha256(json.dumps([told, *options, tool_versions]).encode()).hexdigest()[:24]


def _kept(folder: Path, digest: str) -> Report | None:
    """The report of an earlier build of the same files, if all of it is still there."""
    path = folder / REPORT
    if not path.exists():
        return None
    kept = json.loads(path.read_text())
    if kept.get("digest") != digest or not Path(kept["report"]["bitstream"]).exists():
        return None
    return Report(**kept["report"])


def create_platform(board: Board) -> Any:
    """Return Amaranth's platform of the board: with it, ``hw.platform`` answers for an FPGA.

    Bitcells are a memory that is read in the same cycle, which is distributed RAM on ECP5;
    arithmetic is in words, for carry chains and multipliers.
    """
    base = board.create_platform_class()
    return type(base.__name__, (base,), {"bitcells": "memory", "arithmetic": "words"})()


def _ecp5(board: Board, folder: Path, options: list[str]) -> str:
    platform = board.create_platform_class()
    device = platform._nextpnr_device_options[platform.device]
    package = platform._nextpnr_package_options[platform.package].upper()
    arguments = [
        *(device, "--package", package, "--speed", platform.speed),
        *("--json", f"{NAME}.json", "--lpf", f"{NAME}.lpf", "--textcfg", f"{NAME}.config"),
        *options,
    ]
    tools.run("nextpnr-ecp5", arguments, folder, "nextpnr.log")
    packed = ["--compress", "--input", f"{NAME}.config", "--bit", f"{NAME}.bit"]
    tools.run("ecppack", packed, folder, "ecppack.log")
    return f"{NAME}.bit"


def _ice40(board: Board, folder: Path, options: list[str]) -> str:
    platform = board.create_platform_class()
    arguments = [
        *("--up5k", "--package", platform.package.lower()),
        *("--json", f"{NAME}.json", "--pcf", f"{NAME}.pcf", "--asc", f"{NAME}.asc"),
        *options,
    ]
    tools.run("nextpnr-ice40", arguments, folder, "nextpnr.log")
    tools.run("icepack", [f"{NAME}.asc", f"{NAME}.bin"], folder, "icepack.log")
    return f"{NAME}.bin"


def _options(design: Design, seed: int) -> list[str]:
    # A missed clock is judged by the report, which names the path.
    common = ["--seed", str(seed), "--timing-allow-fail", "--report", "nextpnr.json"]
    return [*common, *design.routing]


def read_report(board: Board, design: Design, folder: Path, bitstream: str, seed: int) -> Report:
    """Read what nextpnr reported."""
    told = json.loads((folder / "nextpnr.json").read_text())
    used = {name: kind["used"] for name, kind in told["utilization"].items()}
    counts = {name: used.get(cell, 0) for name, cell in _CELLS[board.chip.family].items()}
    if board.chip.family == "ice40":
        counts["registers"] = _ice40_registers(folder)
    clock, frequency = max(told["fmax"].items(), key=lambda item: len(_path(told, item[0])))
    return Report(
        board=board.name,
        design=design.name,
        chip=board.chip.name,
        **counts,
        asked_megahertz=design.megahertz,
        megahertz=round(frequency["achieved"], 2),
        path=_path(told, clock),
        seed=seed,
        bitstream=str(folder / bitstream),
    )


def _ice40_registers(folder: Path) -> int:
    cells = json.loads((folder / f"{NAME}.json").read_text())["modules"][NAME]["cells"]
    return sum(cell["type"].startswith("SB_DFF") for cell in cells.values())


def _path(told: dict[str, Any], clock: str) -> list[str]:
    """Cells of the critical path from a register of ``clock`` to one of its registers."""
    for path in told["critical_paths"]:
        if clock in path["from"] and clock in path["to"]:
            names = [step["to"]["cell"] for step in path["path"]]
            return list(dict.fromkeys(names))
    return []
