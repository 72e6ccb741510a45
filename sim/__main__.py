"""``python -m sim``: benches and simulations from the command line."""

import importlib
from typing import NamedTuple

import click

from sim.build import BuildError
from sim.traffic import StreamError


class Entry(NamedTuple):
    """Where a command is, and its line of help: nothing is imported before it is called."""

    module: str
    function: str
    summary: str


COMMANDS = {
    "bench": Entry("sim.commands.bench", "bench", "Run the operator table's benches in Verilator."),
    "encoder": Entry(
        "sim.commands.encoder", "encoder", "The sentence encoder on the accelerator: make sim."
    ),
    "layer": Entry("sim.commands.layer", "layer", "An encoder layer on a core's RTL, every plan."),
    "ratios": Entry("sim.commands.ratios", "ratios", "Cycles of the plans on real activations."),
    "compile": Entry(
        "sim.commands.compile", "compile_command", "The accelerator's program of a network."
    ),
    "run": Entry("sim.commands.run", "run", "A network on the accelerator's RTL."),
    "networks": Entry(
        "sim.commands.networks", "networks", "A table of networks on the accelerator's RTL."
    ),
    "estimate": Entry(
        "sim.commands.estimate", "estimate", "Cycles of a network's program by a model."
    ),
    "rows": Entry("sim.commands.rows", "rows", "Cycles of a row in a core: the model's table."),
    "programs": Entry(
        "sim.commands.programs", "programs", "Random programs on the accelerator's RTL."
    ),
    "faults": Entry("sim.commands.faults", "faults", "Random faults on the accelerator's RTL."),
    "engine": Entry("sim.commands.engine", "engine", "How busy the attention engine is."),
    "speed": Entry("sim.commands.speed", "speed", "Simulated products per wall second of a core."),
    "equivalence": Entry(
        "sim.commands.equivalence", "equivalence", "Prove words and gates one function."
    ),
    "mutate": Entry("sim.commands.mutate", "mutate", "How many small faults the benches see."),
    "netlist": Entry("sim.commands.netlist", "run_netlist", "Run a bench on a netlist of gates."),
    "codes": Entry("sim.commands.codes", "codes", "Real input codes, for `python -m hw area`."),
    "prove": Entry("sim.commands.prove", "prove", "Measure all that takes long into results/."),
    "list": Entry("sim.commands.bench", "list_rows", "List the operator table and its points."),
}

_EXPECTED = (ValueError, FileNotFoundError, BuildError, StreamError)


class Commands(click.Group):
    """Imports a command when it is called, and turns an expected error into one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, as help lists them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        entry = COMMANDS.get(cmd_name)
        return entry and getattr(importlib.import_module(entry.module), entry.function)

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
    """Prove the circuits against golden, and run networks on them."""


if __name__ == "__main__":
    main(prog_name="python -m sim")
