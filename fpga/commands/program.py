"""``python -m fpga program``."""

import shlex
import shutil
import subprocess

import click

from fpga.boards import Board, board
from fpga.build import folder_of
from fpga.design import Design

LOADER = "openFPGALoader"

ICESPROG = "icesprog"
"""For iCESugar, which openFPGALoader does not know; it always writes the flash."""


@click.command(name="program")
@click.argument("board_name", metavar="BOARD")
@click.argument("design_name", metavar="DESIGN")
@click.option("--flash", is_flag=True, help="Keep it over power cycles.")
def program(board_name: str, design_name: str, flash: bool) -> None:
    """Print the command line that loads DESIGN into BOARD, and run it where the tool is."""
    chosen = board(board_name)
    command = command_line(chosen, chosen.design(design_name), flash)
    tool = command[0]
    click.echo(shlex.join(command))
    if shutil.which(tool) is None:
        click.echo(f"{tool} is not on PATH: install it, or run this line where it is", err=True)
        return
    if subprocess.run(command, check=False).returncode:
        raise click.ClickException(f"{tool} failed: see above; is {board_name} plugged in?")


def command_line(chosen: Board, design: Design, flash: bool = False) -> list[str]:
    """Return the call; raise ``FileNotFoundError`` if there is no bitstream to load."""
    bitstreams = [folder_of(chosen, design) / f"top.{kind}" for kind in ("bit", "bin")]
    found = [path for path in bitstreams if path.exists()]
    if not found:
        raise FileNotFoundError(
            f"{bitstreams[0].parent} holds no bitstream: "
            f"run `make bitstream BOARD={chosen.name} DESIGN={design.name}`"
        )
    if not chosen.loader:
        return [ICESPROG, str(found[0])]
    return [LOADER, "--board", chosen.loader, *(["--write-flash"] if flash else []), str(found[0])]
