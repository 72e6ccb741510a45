"""``python -m sim netlist``."""

from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from sim import native
from sim.commands.options import json_option, write_json
from sim.mutation.targets import targets
from sim.netlist import netlist
from sim.row import GRID, Mismatch


@click.command(name="netlist")
@click.argument("name")
@click.option("--point", help="Only this target of the row; all by default.")
@click.option("--seed", type=int, help="Repeat a run; drawn and printed otherwise.")
@click.option("--count", type=click.IntRange(1), help="Results of a run; ten times the row's own.")
@json_option
def run_netlist(
    name: str, point: str | None, seed: int | None, count: int | None, json_file: Path | None
) -> None:
    """Run the bench of row NAME on its netlist of gates after synthesis."""
    row, points = targets(name)
    if point is not None and point not in points:
        raise ValueError(f"no target {point!r} of {name}: use one of {', '.join(points)}")
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    count = 10 * row.count if count is None else count
    table = Table(title=f"Bench of {name} on its netlist, seed {seed}")
    for header in ("target", "idle", "stall", "burst", "beats", "cycles", "verdict"):
        table.add_column(header)
    lines = []
    console = Console(stderr=True)
    for chosen in points if point is None else [point]:
        began = perf_counter()
        with console.status(f"{name} {chosen}: synthesis"):
            verilog = netlist(row.component(points[chosen]))
        with console.status(f"{name} {chosen}: build"):
            component = row.component(points[chosen])
            # Only its ports are read here: the text that is built is the netlist.
            component._MustUse__used = True
            simulator = native.build(component, verilog=verilog)
        for offset, traffic in enumerate(GRID):
            try:
                result = row.verify(
                    points[chosen], simulator.run, seed=seed + offset, traffic=traffic, count=count
                )
            except Mismatch as error:
                raise click.ClickException(f"{name} {chosen}, {traffic}: {error}") from error
            beats = {stream: len(cycles) for stream, cycles in result.cycles.items()}
            told = ", ".join(f"{stream} {n}" for stream, n in beats.items())
            pauses = (str(share) for share in (traffic.idle, traffic.stall, traffic.burst))
            table.add_row(chosen, *pauses, told, str(result.total), "bit-exact")
            line = asdict(traffic) | {"beats": beats, "cycles": result.total}
            lines.append({"target": chosen} | line)
        console.print(f"{name} {chosen}: {perf_counter() - began:.0f} s")
    Console().print(table)
    if json_file is not None:
        write_json(json_file, {"row": name, "seed": seed, "runs": lines})
