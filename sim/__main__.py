"""``python -m sim``: benches and simulations from the command line."""

import click

from golden.commands.group import Commands, Entry
from sim.build import BuildError
from sim.traffic import StreamError

COMMANDS = {
    "bench": Entry("bench", "bench", "Run the operator table's benches in Verilator."),
    "encoder": Entry("encoder", "encoder", "The sentence encoder on the accelerator: make sim."),
    "layer": Entry("layer", "layer", "An encoder layer on a core's RTL, every plan."),
    "ratios": Entry("ratios", "ratios", "Cycles of the plans on real activations."),
    "compile": Entry("compile", "compile_command", "The accelerator's program of a network."),
    "run": Entry("run", "run", "A network on the accelerator's RTL."),
    "networks": Entry("networks", "networks", "A table of networks on the accelerator's RTL."),
    "estimate": Entry("estimate", "estimate", "Cycles of a network's program by a model."),
    "rows": Entry("rows", "rows", "Cycles of a row in a core: the model's table."),
    "programs": Entry("programs", "programs", "Random programs on the accelerator's RTL."),
    "faults": Entry("faults", "faults", "Random faults on the accelerator's RTL."),
    "engine": Entry("engine", "engine", "How busy the attention engine is."),
    "speed": Entry("speed", "speed", "Simulated products per wall second of a core."),
    "equivalence": Entry("equivalence", "equivalence", "Prove words and gates one function."),
    "mutate": Entry("mutate", "mutate", "How many small faults the benches see."),
    "netlist": Entry("netlist", "run_netlist", "Run a bench on a netlist of gates."),
    "codes": Entry("codes", "codes", "Real input codes, for `python -m hw area`."),
    "prove": Entry("prove", "prove", "Measure all that takes long into results/."),
    "list": Entry("bench", "list_rows", "List the operator table and its points."),
}

_EXPECTED = (ValueError, FileNotFoundError, BuildError, StreamError)


@click.group(cls=Commands, package="sim.commands", entries=COMMANDS, expected=_EXPECTED)
def main() -> None:
    """Prove the circuits against golden, and run networks on them."""


if __name__ == "__main__":
    main(prog_name="python -m sim")
