"""``python -m fpga build``."""

import json
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import click
from rich.console import Console
from rich.table import Table

from fpga.boards import BOARDS, board
from fpga.build import Report, build, folder_of
from fpga.rate import rate
from hw.yosys import write_atomically


@click.command(name="build")
@click.argument("board_name", metavar="BOARD")
@click.argument("design_name", metavar="DESIGN")
@click.option("--seed", default=1, show_default=True, help="Of nextpnr's placement.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here."
)
def build_bitstream(board_name: str, design_name: str, seed: int, json_file: Path | None) -> None:
    """Make the bitstream of DESIGN for BOARD; "all" stands for every one.

    Files and logs of the tools are kept in build/fpga/BOARD/DESIGN. A design that is slower than
    its clock fails with its critical path.
    """
    if board_name == "all":
        chosen = [one for one in BOARDS.values() if not one.simulated]
    else:
        chosen = [board(board_name)]
    reports = []
    console = Console(stderr=True)
    for one in chosen:
        names = one.designs if design_name == "all" else [design_name]
        for design in [one.design(name) for name in names]:
            began = perf_counter()
            with console.status(f"{one.name} {design.name}: {folder_of(one, design)}"):
                reports.append(build(one, design, seed))
            console.print(f"{one.name} {design.name}: {perf_counter() - began:.0f} s")
    Console().print(table_of(reports))
    if json_file is not None:
        lines = [asdict(report) | {"rate": rate(report)} for report in reports]
        text = json.dumps({"bitstreams": lines}, indent=2) + "\n"
        write_atomically(json_file, text.encode())


def table_of(reports: list[Report]) -> Table:
    """Return reports as a table."""
    table = Table(title="Bitstreams")
    heads = ("board", "design", "LUT4", "FF", "RAM", "DSP", "MHz", "asked")
    for header in (*heads, "GMAC/s", "/1,000 LUT4"):
        table.add_column(header)
    for one in reports:
        counts = (one.tables, one.registers, one.memories, one.multipliers)
        products = rate(one)
        rates = (
            ["", ""]
            if products is None
            else [f"{products:.2f}", f"{1000 * products / one.tables:.3f}"]
        )
        table.add_row(
            *(one.board, one.design, *map(str, counts)),
            *(f"{one.megahertz:.1f}", f"{one.asked_megahertz:g}", *rates),
        )
    return table
