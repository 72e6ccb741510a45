"""``python -m sim faults``."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from golden.networks.instances import INSTANCES, sample
from golden.networks.run import quantize_inputs
from hw.accelerator.accelerator import Accelerator
from hw.accelerator.plan import PLANS
from hw.program import compile_network
from sim.accelerator.machine_bench import build
from sim.accelerator.networks import load
from sim.accelerator.random_faults import MISSED, Struck, strike, summary
from sim.commands.options import attention_option, config_option, json_option, write_json

NETWORK = "sentence encoder"
TOKENS = 9
BATCH = 100
"""Faults of one process: progress is told after each."""


@click.command()
@config_option("tiny")
@click.option("--network", type=click.Choice(list(INSTANCES)), default=NETWORK, show_default=True,
              help="Whose program is made wrong, and runs afterwards.")  # fmt: skip
@attention_option
@click.option("--count", type=click.IntRange(1), default=1000, show_default=True,
              help="Faults that strike.")  # fmt: skip
@click.option("--seed", default=1, show_default=True, help="Of the faults, and of memory.")
@json_option
def faults(
    config: str, network: str, attention: str, count: int, seed: int, json_file: Path | None
) -> None:
    """Random faults on the accelerator's RTL: each ends in a status, the next program is right.

    Kinds: opcode (one that is none), address (outside memory), buffer (outside it), cut (a program
    cut short), read and write (answered with an error), silent (memory stops answering), late (and
    answers again), reset (by pin) and abort (by the control register). Those that miss are counted,
    and drawn again.
    """
    console = Console() if Console().is_terminal else Console(width=110)
    plan = PLANS[config]
    loaded = load(network, plan.machine, attention=attention)
    program = compile_network(
        loaded.graph,
        plan.machine,
        loaded.maximums,
        # Every tensor is stored, so that there are many writes to fail.
        trace=loaded.decoding is None,
        decoding=loaded.decoding,
    )
    inputs = quantize_inputs(loaded.graph, sample(loaded.graph, seed, TOKENS))
    if loaded.decoding is not None:
        inputs.pop(loaded.decoding.growing)
    console.print(f"building {config} with Verilator: minutes at first, then kept")
    machine = build(Accelerator(plan))
    console.print(f"faults in {network!r}, seed {seed}")
    struck: list[Struck] = []
    hits = wrong = drawn = 0
    while hits < count and drawn < 2 * count + BATCH:
        batch = min(BATCH, count - hits)
        struck += strike(machine, program, inputs, batch, seed + drawn)
        drawn += batch
        hits = sum(one.ended != MISSED for one in struck)
        wrong = sum(one.wrong is not None for one in struck)
        console.print(f"{hits} of {count} faults, {drawn - hits} missed, {wrong} wrong")
    told = summary(struck)
    console.print(_table(told))
    limit = max(one.limit for one in struck)
    largest = max(one["largest_cycles"] for one in told.values())
    console.print(f"seed {seed}: each ended within {largest:,} of {limit:,} cycles allowed")
    if json_file is not None:
        content = {
            **{"config": config, "network": network, "seed": seed},
            **{"faults": hits, "missed": drawn - hits, "wrong": wrong},
            **{"largest_cycles": largest, "limit_cycles": limit, "kinds": told},
        }
        write_json(json_file, content)
    for one in struck:
        if one.wrong is not None:
            raise click.ClickException(f"{one.kind} with seed {seed}: {one.wrong}")
    if hits < count:
        raise click.ClickException(f"only {hits} of {drawn} faults struck: choose another network")


def _table(told: dict[str, dict]) -> Table:
    """Kinds and how their programs ended."""
    ends = sorted({name for one in told.values() for name in one["ended"]})
    table = Table("kind", *ends, "most cycles")
    for kind, one in told.items():
        counts = (str(one["ended"].get(name, "")) for name in ends)
        table.add_row(kind, *counts, f"{one['largest_cycles']:,}")
    return table
