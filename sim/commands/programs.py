"""``python -m sim programs``."""

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hw.accelerator.accelerator import Accelerator
from hw.accelerator.plan import PLANS, with_feeder
from sim.accelerator.machine_bench import build
from sim.accelerator.random_programs import Tried, try_seeds
from sim.accelerator.run import RunError
from sim.commands.options import config_option, feeder_option, json_option, write_json

BATCH = 25
"""Seeds of one task."""


@click.command()
@config_option("tiny")
@feeder_option
@click.option("--count", type=click.IntRange(1), default=1000, show_default=True,
              help="Programs.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="The first; each next one is one more.")
@json_option
def programs(config: str, feeder: str, count: int, seed: int, json_file: Path | None) -> None:
    """Random small networks on the accelerator's RTL, bit for bit as golden says.

    A seed decides on everything: up to six operators of any kind and shape, the length of its
    input, the compiler's choices, memory's latency, pace and pauses. `--seed N --count 1` repeats
    one. A machine that makes no progress for 20,000 cycles counts as wrong.
    """
    console = Console() if Console().is_terminal else Console(width=110)
    plan = with_feeder(PLANS[config], feeder)
    console.print(f"building {config} with Verilator: minutes at first, then kept")
    # Many short runs: the machine is built once and runs long.
    machine = build(Accelerator(plan), optimize="-O3 -march=native")
    batches = [
        range(start, min(start + BATCH, seed + count)) for start in range(seed, seed + count, BATCH)
    ]
    tried: list[Tried] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, TimeElapsedColumn(), console=console) as progress,
        ProcessPoolExecutor(os.cpu_count()) as pool,
    ):
        task = progress.add_task(f"seeds {seed} to {seed + count - 1}", total=count)
        for future in as_completed([
            pool.submit(try_seeds, plan, machine, batch) for batch in batches
        ]):
            tried += future.result()
            progress.update(task, completed=len(tried))
    refused = [one for one in tried if one.refused is not None]
    wrong = sorted((one for one in tried if one.wrong is not None), key=lambda one: one.seed)
    equal = len(tried) - len(refused) - len(wrong)
    cycles = sum(one.cycles for one in tried)
    console.print(
        f"seeds {seed} to {seed + count - 1}: {equal} equal golden, {len(wrong)} do not, "
        f"{len(refused)} are refused; {cycles:,} cycles"
    )
    if json_file is not None:
        content = {
            **{"config": config, "feeder": feeder, "seed": seed, "count": count, "equal": equal},
            "refused": {str(one.seed): one.refused for one in refused},
            "wrong": {str(one.seed): one.wrong for one in wrong},
            "cycles": cycles,
        }
        write_json(json_file, content)
    if wrong:
        raise RunError(f"seed {wrong[0].seed}: {wrong[0].wrong}")
