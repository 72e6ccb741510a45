"""``python -m sim estimate``."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from hw.accelerator.plan import PLANS, with_feeder
from hw.program import compile_network
from hw.program.compiler.plan import CompilerPlan
from hw.program.instructions import UNITS
from sim.accelerator.breakdown import breakdown
from sim.accelerator.networks import load
from sim.accelerator.published import PUBLISHED, load_published
from sim.accelerator.timeline import Memory, Timeline
from sim.commands.options import (
    attention_option,
    config_option,
    feeder_option,
    json_option,
    latency_option,
    write_json,
)


@click.command()
@click.argument("network")
@config_option("mulcim")
@attention_option
@feeder_option
@click.option("--length", default=128, show_default=True, help="Every length of the inputs.")
@latency_option
@click.option("--bus-pace", default=1.0, show_default=True, help="Cycles from beat to beat.")
@click.option("--bus-bytes", type=int, help="Bytes of a beat, if not the machine's.")
@click.option("--machine", "changes", multiple=True, metavar="FIELD=NUMBER",
              help="Another size of the machine, such as buffer_words=131072.")  # fmt: skip
@click.option("--row-cycles", default=1, show_default=True,
              help="Cycles of a row that the compiler reckons with.")  # fmt: skip
@click.option("--row-block", type=int, help="Rows after which the compiler cuts products.")
@click.option("--data", type=click.Path(path_type=Path),
              help="Folder of models that the project does not contain.")  # fmt: skip
@json_option
def estimate(
    network: str,
    config: str,
    attention: str,
    feeder: str,
    length: int,
    latency: int,
    bus_pace: float,
    bus_bytes: int | None,
    changes: tuple[str, ...],
    row_cycles: int,
    row_block: int | None,
    data: Path | None,
    json_file: Path | None,
) -> None:
    """Cycles of a NETWORK's program by a model of the machine, without simulating its circuits.

    NETWORK is what `python -m sim run` takes, or one of published size whose weights are made up:
    bert-base, gpt2-small, kwt3, vit-base, visual_bert-base, vilbert-base. Decoders run to their
    limit.
    """
    console = Console() if Console().is_terminal else Console(width=110)
    sizes = dict(map(_change, changes))
    if bus_bytes is not None:
        sizes["bus_bytes"] = bus_bytes
    plan = with_feeder(PLANS[config], feeder)
    plan = replace(plan, machine=replace(plan.machine, **sizes))
    with console.status("") as status:
        status.update(f"quantising {network}")
        if network in PUBLISHED:
            loaded = load_published(network, plan.machine, length, attention)
        else:
            loaded = load(network, plan.machine, data, attention)
        status.update("compiling the program")
        program = compile_network(
            loaded.graph,
            plan.machine,
            {name: max(length, most) for name, most in loaded.maximums.items()},
            decoding=loaded.decoding,
            plan=CompilerPlan(row_cycles=row_cycles, row_block=row_block),
        )
        status.update("walking through it")
        started = time.monotonic()
        lengths = [length if name else 0 for name in program.arguments]
        found = Timeline(program, lengths, plan, memory=Memory(latency=latency, pace=bus_pace))
        seconds = time.monotonic() - started
    named = dict.fromkeys((*program.arguments, "target"), length)
    if loaded.decoding is not None:
        named["target"] = loaded.decoding.limit
    kinds = breakdown(loaded.graph, program, found, named)
    macs = sum(kind.macs for kind in kinds.values())
    console.print(
        f"{network} on {config}, {feeder}, length {length}: {found.cycles:,.0f} cycles estimated "
        f"in {seconds:.1f} s, {macs:,} products, {macs / found.cycles:.1f} a cycle"
    )
    table = Table("operators", "products", "cycles", "of all", "unit", "bound")
    for name, kind in kinds.items():
        share = f"{kind.cycles / found.cycles:.1%}"
        row = (f"{kind.macs:,}", f"{kind.cycles:,.0f}", share, kind.unit, kind.bound)
        table.add_row(name, *row)
    console.print(table)
    units: dict[str, dict[str, float]] = {}
    table = Table("unit", "instructions", "busy cycles", "moves data")
    for unit in UNITS[1:]:
        count = sum(event.unit == unit for event in found.events)
        busy, moved = found.busy(unit), found.moved(unit)
        units[unit] = {"instructions": count, "busy": round(busy), "moved": round(moved)}
        shares = (f"{x:,.0f} {x / found.cycles:6.1%}" for x in (busy, moved))
        table.add_row(unit, f"{count:,}", *shares)
    bus = found.memory.busy
    table.add_row("memory reads", "", "", f"{bus:,.0f} {bus / found.cycles:6.1%}")
    console.print(table)
    if json_file is not None:
        content: dict[str, Any] = {
            **{"network": network, "config": config, "feeder": feeder, "length": length},
            **{"latency": latency, "bus_pace": bus_pace, "machine": sizes},
            **{"cycles": round(found.cycles), "products": macs, "read_cycles": round(bus)},
            "kinds": {name: kind.figures for name, kind in kinds.items()},
            "units": units,
        }
        write_json(json_file, content)


def _change(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not number.isdecimal():
        raise click.BadParameter(f"a size is FIELD=NUMBER, not {text!r}", param_hint="--machine")
    return name, int(number)
