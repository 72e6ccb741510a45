"""``python -m sim engine``."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from golden.operator_spec import AttentionSpec
from sim.attention.utilisation import CASES, Case, build_engine, measure, plan_of
from sim.commands.options import json_option, write_json


@click.command()
@click.option("--queries", type=int, help="Only this many queries of a head.")
@click.option("--keys", type=int, help="And this many keys; as many as queries by default.")
@click.option("--head-size", default=64, show_default=True, help="With --queries.")
@click.option("--heads", default=12, show_default=True, help="With --queries, back to back.")
@click.option("--stalls", default=0.0, show_default=True, help="With --queries: share of cycles.")
@click.option("--key-block", default=32, show_default=True, help="Keys of a block: columns.")
@click.option("--seed", default=1, show_default=True)
@json_option
def engine(
    queries: int | None,
    keys: int | None,
    head_size: int,
    heads: int,
    stalls: float,
    key_block: int,
    seed: int,
    json_file: Path | None,
) -> None:
    """How busy the attention engine's array is, on its RTL in Verilator, bit-exact with golden.

    Cycles count from the first operand offered to the last context beat of all heads, softmax
    included; ideal is the useful products over those of the array in a cycle.
    """
    cases = list(CASES)
    if queries is not None:
        keys = queries if keys is None else keys
        cases = [Case(queries=queries, keys=keys, head_size=head_size, heads=heads, stalls=stalls)]
    spec = AttentionSpec(heads=1, key_block=key_block)
    console = Console()
    plans = {size: plan_of(size) for size in dict.fromkeys(case.head_size for case in cases)}
    found: list[dict[str, Any]] = []
    table = Table(title=f"attention engine: scores, softmax, context; key_block {key_block}")
    for heading in ("queries", "keys", "head size", "heads", "stalls", "cycles", "ideal", "share"):
        table.add_column(heading, justify="right")
    with console.status("") as status:
        for size, plan in plans.items():
            status.update(f"head size {size}: building the engine with Verilator")
            simulator = build_engine(spec, plan)
            for case in (one for one in cases if one.head_size == size):
                status.update(f"{case.heads} heads of {case.queries} queries, {case.keys} keys")
                result = measure(simulator, spec, plan, case, seed)
                numbers = (case.queries, case.keys, case.head_size, case.heads)
                table.add_row(
                    *map(str, numbers),
                    f"{case.stalls:.0%}",
                    f"{result.cycles:,}",
                    f"{result.ideal:,}",
                    f"{result.share:.1%}",
                )
                found.append(asdict(result) | {"share": result.share})
    console.print(table)
    console.print(
        f"array: {plan.lanes} lanes x {key_block} columns; a cycle at most {2 * plan.lanes} bytes "
        f"in and {2 * plan.output_lanes} out, jobs apart; every context bit-exact with golden"
    )
    if json_file is not None:
        figures = {"key_block": key_block, "seed": seed, "cases": found}
        write_json(json_file, figures)
