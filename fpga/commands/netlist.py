"""``python -m fpga netlist``."""

import json
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import click
import numpy as np
from rich.console import Console

from fpga.boards import board
from fpga.design import StreamDesign
from fpga.netlist import netlist
from hw.yosys import write_atomically
from sim import native
from sim.row import GRID, Mismatch


@click.command(name="netlist")
@click.argument("board_name", metavar="BOARD")
@click.argument("design_name", metavar="DESIGN")
@click.option("--seed", type=int, help="Repeat a run; drawn and printed otherwise.")
@click.option("--count", type=click.IntRange(1), help="Results of a run; ten times the row's own.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here."
)
def run_netlist(
    board_name: str, design_name: str, seed: int | None, count: int | None, json_file: Path | None
) -> None:
    """Run the bench of DESIGN on its netlist of BOARD's cells: what nextpnr is given."""
    chosen = board(board_name)
    design = chosen.design(design_name)
    if not isinstance(design, StreamDesign):
        raise ValueError(f"{design_name!r} has no bench of its own: name a row of the table")
    row = design.operator
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    count = 10 * row.count if count is None else count
    console = Console(stderr=True)
    began = perf_counter()
    with console.status(f"{design_name} on {chosen.chip.family}: synthesis"):
        verilog = netlist(design, chosen.chip.family)
    with console.status(f"{design_name} on {chosen.chip.family}: build"):
        component = row.component(design.point)
        # Only its ports are read here: the text that is built is the netlist.
        component._MustUse__used = True
        simulator = native.build(component, verilog=verilog)
    lines = []
    for offset, traffic in enumerate(GRID):
        try:
            result = row.verify(
                design.point, simulator.run, seed=seed + offset, traffic=traffic, count=count
            )
        except Mismatch as error:
            raise Mismatch(f"{design_name} on {chosen.chip.family}, {traffic}: {error}") from error
        beats = {stream: len(cycles) for stream, cycles in result.cycles.items()}
        lines.append(asdict(traffic) | {"beats": beats, "cycles": result.total})
    click.echo(
        f"{design_name} in cells of {chosen.chip.family}, seed {seed}: {len(lines)} benches of "
        f"{count} results bit-exact, {perf_counter() - began:.0f} s"
    )
    if json_file is not None:
        figures = {"board": board_name, "design": design_name, "seed": seed, "runs": lines}
        write_atomically(json_file, (json.dumps(figures, indent=2) + "\n").encode())
