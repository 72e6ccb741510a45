"""``python -m sim faults``."""

import json
from pathlib import Path

import click
import numpy as np

from golden.networks.instances import INSTANCES, sample
from golden.networks.run import quantize_inputs
from hw.accelerator.accelerator import Accelerator
from hw.accelerator.plan import PLANS
from hw.program import compile_network
from sim.accelerator.machine_bench import build
from sim.accelerator.networks import load
from sim.accelerator.random_faults import Struck, strike, summary

NETWORK = "sentence encoder"
TOKENS = 9
BATCH = 100
"""Faults of one process: progress is told after each."""


@click.command()
@click.option("--config", type=click.Choice(list(PLANS)), default="tiny", show_default=True)
@click.option("--network", type=click.Choice(list(INSTANCES)), default=NETWORK, show_default=True)
@click.option("--count", default=1000, show_default=True, help="Faults.")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write JSON.")
def faults(config: str, network: str, count: int, seed: int, json_file: Path | None) -> None:
    """Random faults on the accelerator's RTL: each ends in a status, the next program is right."""
    plan = PLANS[config]
    loaded = load(network, plan.machine)
    program = compile_network(loaded.graph, plan.machine, loaded.maximums, decoding=loaded.decoding)
    inputs = quantize_inputs(loaded.graph, sample(loaded.graph, seed, TOKENS))
    if loaded.decoding is not None:
        inputs.pop(loaded.decoding.growing)
    click.echo(f"building {config} with Verilator")
    machine = build(Accelerator(plan))
    struck: list[Struck] = []
    for batch in np.array_split(np.arange(count), -(-count // BATCH)):
        struck += strike(machine, program, inputs, len(batch), seed + int(batch[0]))
        wrong = sum(one.wrong is not None for one in struck)
        click.echo(f"{len(struck)} of {count} faults, {wrong} wrong")
    told = summary(struck)
    for kind, number in told.items():
        click.echo(f"{number:6} {kind}")
    if json_file is not None:
        content = {"config": config, "network": network, "seed": seed, "faults": count}
        json_file.write_text(json.dumps(content | {"wrong": wrong, "ended": told}, indent=2) + "\n")
    for one in struck:
        if one.wrong is not None:
            raise click.ClickException(f"{one.kind} with seed {seed}: {one.wrong}")
