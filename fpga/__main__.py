"""``python -m fpga``: boards, bitstreams and the host from the command line."""

import importlib
from typing import NamedTuple

import click

from fpga.build import ClockMissed
from fpga.host.client import LinkError
from fpga.tools import ToolError
from sim.build import BuildError
from sim.row import Mismatch


class Entry(NamedTuple):
    """Where a command is, and its line of help: nothing is imported before it is called."""

    module: str
    function: str
    summary: str


COMMANDS = {
    "boards": Entry("boards", "boards", "List boards, their chips and what fits."),
    "build": Entry("build", "build_bitstream", "Make bitstreams: make bitstream."),
    "program": Entry("program", "program", "Load a bitstream by openFPGALoader: make program."),
    "run": Entry("run", "run", "Send random vectors to a board and compare with golden."),
    "netlist": Entry("netlist", "run_netlist", "Run a bench on the netlist of a bitstream."),
}

_EXPECTED = (
    *(ValueError, FileNotFoundError, BuildError, ClockMissed, LinkError, Mismatch, ToolError),
)


class Commands(click.Group):
    """Imports a command when it is called, and turns an expected error into one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, as help lists them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        return getattr(importlib.import_module(f"fpga.commands.{entry.module}"), entry.function)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; bad input ends in its message and exit code 1."""
        try:
            return super().invoke(ctx)
        except _EXPECTED as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands)
def main() -> None:
    """Put designs on boards, and talk to them."""


if __name__ == "__main__":
    main(prog_name="python -m fpga")
