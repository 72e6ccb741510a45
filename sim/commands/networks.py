"""``python -m sim networks``: a table of whole networks on the accelerator's RTL."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from hw.accelerator.plan import PLANS
from sim.accelerator.networks import KWT
from sim.accelerator.run import RunError, simulator
from sim.accelerator.trial import peak, try_network
from sim.commands.options import config_option, json_option, latency_option, write_json

TITLES = {
    "minilm": "sentence encoder all-MiniLM-L6-v2, all 6 layers",
    "kwt": "keyword spotter KWT-1",
    "translator, post-norm": "Transformer encoder-decoder, greedy",
    "g2p": "GRU sequence-to-sequence speller g2p_en",
    "netra": "additive-attention transliterator netra",
    "vilbert": "two streams with co-attention, vilbert",
    "vit": "trained vision transformer of digits",
}
"""What the networks of the table are; translator and vilbert are small ones that nobody trained."""


@click.command()
@click.argument("names", nargs=-1)
@config_option("small")
@latency_option
@click.option("--trace", is_flag=True,
              help="Run each once more, every tensor stored and compared.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path),
              help=f"Folder with {KWT}.")  # fmt: skip
@json_option
def networks(
    names: tuple[str, ...],
    config: str,
    latency: int,
    trace: bool,
    data: Path | None,
    json_file: Path | None,
) -> None:
    """NAMES on one machine's RTL in Verilator, bit for bit as golden says; all where none is named.

    One program of each runs two or three inputs. MACs are the multiply-accumulates of the graph at
    their lengths, cycles from each start to its end, reading weights and inputs from memory
    included. Utilisation is MACs / (cycles x peak): the peak is what all cores and the attention
    engine multiply in a cycle when nothing waits, cores x W x W / 2 + W / 2 x key_block with words
    of W bytes. Wall time is the simulation's. Every tensor that these programs write to memory is
    compared, the outputs; with --trace another program stores all tensors, so that the first
    difference has its operator.
    """
    unknown = [name for name in names if name not in TITLES]
    if unknown:
        raise ValueError(f"no network {unknown[0]!r} in the table: one of {', '.join(TITLES)}")
    console = Console() if Console().is_terminal else Console(width=120)
    plan = PLANS[config]
    chosen = list(names or TITLES)
    if "kwt" in chosen and data is None:
        chosen.remove("kwt")
        console.print(f"kwt is left out: it needs {KWT}, name its folder with --data")
    rows: dict[str, Any] = {}
    wrong: list[str] = []
    with console.status(f"building {config} with Verilator: minutes at first, then kept") as status:
        started = time.monotonic()
        machine = simulator(plan)
        built = time.monotonic() - started
        for number, name in enumerate(chosen, 1):
            told = f"{name}, {number} of {len(chosen)}"
            status.update(told)
            try:
                one = try_network(name, plan, machine, data=data, latency=latency)
            except ValueError as error:
                wrong.append(f"{name} does not fit {config}: {error}")
                console.print(wrong[-1], soft_wrap=True)
                continue
            tried, tensors = [one], one.tensors
            if trace and not one.chooses:
                status.update(f"{told}: every tensor")
                tried += [try_network(name, plan, machine, data=data, latency=latency, trace=True)]
                tensors = tried[-1].tensors
            found = [trial.difference for trial in tried if trial.difference is not None]
            wrong += found
            rows[name] = {
                **{"title": TITLES[name], "bit_exact": not found, "tensors": tensors},
                **one.figures(plan),
            }
            answers = (f"{x['input'][:20]!r}: {x['answer'][:30]}" for x in rows[name]["inputs"])
            console.print(f"{told}: {'; '.join(answers)}")
    console.print(_table(rows))
    console.print(
        f"{config}: at most {peak(plan):,} MACs a cycle; memory of {plan.machine.bus_bytes} bytes "
        f"a cycle, {latency} cycles of latency"
    )
    if json_file is not None:
        content = {
            **{"config": config, "latency": latency, "trace": trace, "peak": peak(plan)},
            **{"build_seconds": round(built, 1), "networks": rows},
        }
        write_json(json_file, content)
    if wrong:
        raise RunError(wrong[0])


def _table(rows: Mapping[str, Any]) -> Table:
    table = Table("network", "inputs", "MACs", "cycles", "utilisation", "wall s", "bit-exact")
    for row in rows.values():
        exact = f"tensors: {row['tensors']}" if row["bit_exact"] else "no: see below"
        table.add_row(row["title"], lengths(row), f"{row['macs']:,}", f"{row['cycles']:,}",
                      f"{row['utilisation']:.1%}", f"{row['seconds']:.1f}", exact)  # fmt: skip
    return table


def lengths(row: Mapping[str, Any]) -> str:
    """Of each input, in tokens or letters, and of what was chosen: ``11 > 10, 6 > 7``.

    How many there are, where their size is fixed.
    """
    found = [" > ".join(map(str, one["lengths"].values())) for one in row["inputs"]]
    return ", ".join(found) if any(found) else str(len(found))
