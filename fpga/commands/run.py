"""``python -m fpga run``."""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from serial.tools.list_ports import comports

from fpga.boards import Board, board
from fpga.host.client import LinkError, open_port
from fpga.host.trial import run_trial
from fpga.simulation import program_of, served
from hw.yosys import write_atomically


@click.command(name="run")
@click.argument("board_name", metavar="BOARD")
@click.argument("design_name", metavar="DESIGN")
@click.option("--port", "port_name", help="Serial port; the only one there is by default.")
@click.option("--count", type=click.IntRange(1), default=1000, help="Results to ask for.")
@click.option("--seed", type=int, help="Repeat a run; drawn and printed otherwise.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here."
)
def run(
    board_name: str,
    design_name: str,
    port_name: str | None,
    count: int,
    seed: int | None,
    json_file: Path | None,
) -> None:
    """Send random vectors to DESIGN on BOARD and compare every result with golden.

    The boards sim and sim-ice40 are simulated in Verilator and served on a pseudo-terminal.
    """
    chosen = board(board_name)
    design = chosen.design(design_name)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    console = Console(stderr=True)
    context: AbstractContextManager[str | None] = nullcontext(port_name)
    if chosen.simulated:
        with console.status(f"{design_name}: build in Verilator"):
            context = served(program_of(chosen, design))
    with (
        context as name,
        open_port(name or only_port(chosen)) as port,
        console.status(f"{design_name} on {port.name}, seed {seed}"),
    ):
        trial = run_trial(port, chosen, design, seed, count)
    told = ", ".join(f"{stream} {beats}" for stream, beats in trial.beats.items())
    click.echo(
        f"{design_name} on {board_name}, seed {seed}: bit-exact; beats {told}; "
        f"{trial.repeated} requests repeated; {trial.seconds:.1f} s"
    )
    if json_file is not None:
        figures = {"board": board_name, "design": design_name, "seed": seed} | asdict(trial)
        write_atomically(json_file, (json.dumps(figures, indent=2) + "\n").encode())


def only_port(chosen: Board) -> str:
    """Name of the only serial port of the machine; ``LinkError`` if there is none or more."""
    names = sorted(port.device for port in comports() if port.vid is not None)
    if len(names) != 1:
        seen = "no serial port is here" if not names else f"there are {', '.join(names)}"
        raise LinkError(f"{seen}: plug {chosen.name} in ({chosen.note}), or name it with --port")
    return names[0]
