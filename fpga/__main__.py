"""``python -m fpga``: boards, bitstreams and the host from the command line."""

import click

from fpga.build import ClockMissed
from fpga.host.client import LinkError
from fpga.tools import ToolError
from golden.commands.group import Commands, Entry
from sim.build import BuildError
from sim.row import Mismatch

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


@click.group(cls=Commands, package="fpga.commands", entries=COMMANDS, expected=_EXPECTED)
def main() -> None:
    """Put designs on boards, and talk to them."""


if __name__ == "__main__":
    main(prog_name="python -m fpga")
