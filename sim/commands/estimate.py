"""``python -m sim estimate``."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from hw.accelerator.machine import MACHINES
from hw.program import compile_network
from hw.program.compiler.plan import CompilerPlan
from hw.program.instructions import UNITS
from sim.accelerator.networks import load
from sim.accelerator.timeline import Costs, Timeline


@click.command()
@click.argument("network")
@click.option("--config", type=click.Choice(list(MACHINES)), default="mulcim", show_default=True,
              help="The machine.")  # fmt: skip
@click.option("--length", default=128, show_default=True, help="Every length of the inputs.")
@click.option("--row-cycles", default=1.0, show_default=True,
              help="Mean cycles of a row of codes in a core: 8 for one bit a cycle.")  # fmt: skip
@click.option("--row-block", type=int, help="Rows after which the compiler cuts products.")
@click.option("--data", type=click.Path(path_type=Path),
              help="Folder of models that the project does not contain.")  # fmt: skip
def estimate(
    network: str,
    config: str,
    length: int,
    row_cycles: float,
    row_block: int | None,
    data: Path | None,
) -> None:
    """Cycles of a NETWORK's program by a model of the units, without simulating their circuits."""
    machine = MACHINES[config]
    loaded = load(network, machine, data)
    plan = CompilerPlan(row_cycles=max(round(row_cycles), 1), row_block=row_block)
    maximums = {name: max(length, most) for name, most in loaded.maximums.items()}
    program = compile_network(loaded.graph, machine, maximums, decoding=loaded.decoding, plan=plan)
    lengths = [length if name else 0 for name in program.arguments]
    found = Timeline(program, lengths, Costs(row_cycles=row_cycles))
    table = Table("unit", "instructions", "busy cycles", "share")
    for unit in UNITS[1:]:
        count = sum(event.unit == unit for event in found.events)
        busy = found.busy(unit)
        table.add_row(unit, f"{count}", f"{busy:,.0f}", f"{busy / found.cycles:.1%}")
    console = Console()
    console.print(f"{network} on {config}, length {length}: {found.cycles:,.0f} cycles estimated")
    console.print(table)
