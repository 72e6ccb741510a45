"""``python -m fpga boards``."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from fpga.boards import BOARDS
from hw.yosys import write_atomically


@click.command(name="boards")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the table here.")
def boards(json_file: Path | None) -> None:
    """List boards, their chips, and the designs that fit them."""
    table = Table(title="Boards")
    for header in ("board", "chip", "LUT4", "RAM", "DSP", "SDRAM", "designs, MHz"):
        table.add_column(header)
    lines = []
    for name, board in BOARDS.items():
        chip = board.chip
        fitting = [f"{one.name} {one.megahertz:g}" for one in board.designs.values()]
        counts = (chip.tables, chip.memories, chip.multipliers)
        beside = "" if board.sdram is None else f"{board.sdram.size >> 20} MB"
        table.add_row(name, chip.name, *map(str, counts), beside, ", ".join(fitting))
        lines.append({
            "board": name,
            "chip": chip.name,
            "tables": chip.tables,
            "memories": chip.memories,
            "multipliers": chip.multipliers,
            "sdram_bytes": 0 if board.sdram is None else board.sdram.size,
            "designs": {one.name: one.megahertz for one in board.designs.values()},
            "serial": board.note,
        })
    Console().print(table)
    if json_file is not None:
        write_atomically(json_file, (json.dumps({"boards": lines}, indent=2) + "\n").encode())
