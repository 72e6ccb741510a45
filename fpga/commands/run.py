"""``python -m fpga run``."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from serial import Serial
from serial.tools.list_ports import comports

from fpga.boards import Board, board
from fpga.design import AcceleratorDesign, Design, StreamDesign
from fpga.host.client import SECONDS, LinkError, open_port
from fpga.host.network import run_network
from fpga.host.trial import run_trial
from fpga.simulation import program_of, served
from hw.yosys import write_atomically

SIMULATED_SECONDS = 20.0
"""Wait for an answer of an accelerator in simulation, a thousand times slower than a board."""


@click.command(name="run")
@click.argument("board_name", metavar="BOARD")
@click.argument("what", metavar="DESIGN|NETWORK")
@click.option("--port", "port_name", help="Serial port; the only one there is by default.")
@click.option("--count", type=click.IntRange(1), default=1000, help="Results to ask a design for.")
@click.option("--seed", type=int, help="Repeat a trial; drawn and printed otherwise.")
@click.option("--input", "texts", multiple=True,
              help="A network's image, word or length; several may be given.")  # fmt: skip
@click.option("--design", "design_name", default="accelerator", show_default=True,
              help="The accelerator that a network runs on.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path),
              help="Folder of models that the project does not contain.")  # fmt: skip
@click.option("--longest", type=click.IntRange(1),
              help="Length of inputs to compile for, where the default is too long.")  # fmt: skip
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here."
)
def run(
    board_name: str,
    what: str,
    port_name: str | None,
    count: int,
    seed: int | None,
    texts: tuple[str, ...],
    design_name: str,
    data: Path | None,
    longest: int | None,
    json_file: Path | None,
) -> None:
    """Run a design or a network on BOARD, every bit compared with golden.

    A DESIGN gets random vectors. A NETWORK, by a name of `python -m sim run`, is compiled for the
    board's accelerator; program and weights go over the link, then its inputs, one by one. The
    boards sim and sim-ice40 are simulated in Verilator and served on a pseudo-terminal.
    """
    chosen = board(board_name)
    if isinstance(chosen.designs.get(what), AcceleratorDesign):
        raise ValueError(f"{what!r} runs networks: name one, such as vit, and --design {what}")
    if what in chosen.designs:
        figures = _run_design(chosen, chosen.design(what), port_name, seed, count)
    else:
        design = chosen.design(design_name)
        if not isinstance(design, AcceleratorDesign):
            raise ValueError(
                f"{design_name!r} runs no networks: name an accelerator, or one of the designs "
                f"{', '.join(chosen.designs)}"
            )
        opened = partial(_opened, chosen, design, port_name, SIMULATED_SECONDS)
        figures = run_network(opened, chosen, design, what, texts, data, longest)
    if json_file is not None:
        write_atomically(json_file, (json.dumps(figures, indent=2) + "\n").encode())


def _run_design(
    chosen: Board, design: Design, port_name: str | None, seed: int | None, count: int
) -> dict[str, Any]:
    """Send random vectors; return the figures."""
    assert isinstance(design, StreamDesign)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    with (
        _opened(chosen, design, port_name) as port,
        Console(stderr=True).status(f"{design.name} on {port.name}, seed {seed}"),
    ):
        trial = run_trial(port, chosen, design, seed, count)
    told = ", ".join(f"{stream} {beats}" for stream, beats in trial.beats.items())
    click.echo(
        f"{design.name} on {chosen.name}, seed {seed}: bit-exact; beats {told}; "
        f"{trial.repeated} requests repeated; {trial.seconds:.1f} s"
    )
    return {"board": chosen.name, "design": design.name, "seed": seed} | asdict(trial)


@contextmanager
def _opened(
    chosen: Board, design: Design, port_name: str | None, simulated_seconds: float = SECONDS
) -> Iterator[Serial]:
    """The port of a board, or of its simulation, which is built first."""
    if not chosen.simulated:
        with open_port(port_name or only_port(chosen)) as port:
            yield port
        return
    with Console(stderr=True).status(f"{design.name}: build in Verilator"):
        program = program_of(chosen, design)
    with served(program) as name, open_port(name, simulated_seconds) as port:
        yield port


def only_port(chosen: Board) -> str:
    """Name of the only serial port of the machine; ``LinkError`` if there is none or more."""
    names = sorted(port.device for port in comports() if port.vid is not None)
    if len(names) != 1:
        seen = "no serial port is here" if not names else f"there are {', '.join(names)}"
        raise LinkError(f"{seen}: plug {chosen.name} in ({chosen.note}), or name it with --port")
    return names[0]
