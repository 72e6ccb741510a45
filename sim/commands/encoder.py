"""``python -m sim encoder``: the whole sentence encoder on the accelerator's RTL."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from golden.models import minilm
from golden.networks.describe import describe
from golden.networks.run import run_integer
from hw.accelerator.plan import PLANS, AcceleratorPlan, with_feeder
from hw.program import Program, compile_network
from hw.program.compiler.plan import CompilerPlan
from sim.accelerator.inputs import integer_inputs
from sim.accelerator.networks import Loaded, load
from sim.accelerator.operator_table import OperatorRow, operator_rows
from sim.accelerator.picture import draw
from sim.accelerator.roofline import of_layer
from sim.accelerator.run import Run, RunError, first_difference, run_rtl, simulator
from sim.accelerator.spans import Span, spans
from sim.accelerator.timeline import Memory, Timeline
from sim.commands.options import (
    attention_option,
    config_option,
    feeder_option,
    json_option,
    latency_option,
    write_json,
)

TEXT = "A cat is sleeping on the warm sofa."
OTHERS = (
    "The kitten naps on a couch.",
    "Prices at the stock exchange fell again on Monday.",
    "He cooked rice and beans for dinner.",
)
"""Sentences that the text is compared with."""

LONGEST = minilm.SHAPE.positions
"""Tokens that the encoder has positions for."""


@click.command(name="encoder")
@click.option("--text", default=TEXT, show_default=True, help="The sentence.")
@click.option("--other", "others", multiple=True,
              help="A sentence to compare it with; several may be given.")  # fmt: skip
@click.option("--tokens", type=click.IntRange(4, LONGEST),
              help="Instead: a text of so many, made of the project's sentences. Beyond 128 the "
              "program is compiled for 512.")  # fmt: skip
@config_option("mulcim")
@attention_option
@feeder_option
@click.option("--row-cycles", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Of a row in a core, as the compiler takes it: 8 suits fixed.")  # fmt: skip
@latency_option
@click.option("--bus-pace", default=1, show_default=True, help="Cycles from beat to beat.")
@click.option("--picture", type=click.Path(path_type=Path), default=Path("build/timeline.svg"),
              show_default=True, help="Where to draw the units over time.")  # fmt: skip
@json_option
def encoder(
    text: str,
    others: tuple[str, ...],
    tokens: int | None,
    config: str,
    attention: str,
    feeder: str,
    row_cycles: int,
    latency: int,
    bus_pace: int,
    picture: Path,
    json_file: Path | None,
) -> None:
    """Take sentences through all layers of all-MiniLM-L6-v2 on the accelerator's RTL.

    One program serves all of them. Embeddings are held against golden bit for bit, and the sentence
    nearest to the text is told. The table says where the text's cycles went: least is the
    largest of its rows of codes shared out over all macros, its attention over the engine's
    multipliers, and its bytes over the bus.
    """
    console = Console() if Console().is_terminal else Console(width=110)
    plan = with_feeder(PLANS[config], feeder)
    texts = [text, *(others or OTHERS)] if tokens is None else [text_of(tokens), *others]
    with console.status("") as status:
        status.update("quantising all-MiniLM-L6-v2")
        loaded = load("minilm", plan.machine, attention=attention)
        maximums = dict(loaded.maximums)
        if tokens is not None and tokens > maximums["tokens"]:
            maximums["tokens"] = LONGEST
        program = compile_network(
            loaded.graph, plan.machine, maximums, plan=CompilerPlan(row_cycles=row_cycles)
        )
        tokenizer = minilm.Tokenizer(LONGEST)
        given = [integer_inputs(loaded, {"token_ids": tokenizer(one)}) for one in texts]
        status.update(f"building {config} with Verilator: minutes at first, then kept")
        machine = simulator(plan)
        runs = []
        started = time.monotonic()
        for run in run_rtl(
            machine, program, given, latency=latency, pace=bus_pace, completions=True
        ):
            runs.append(run)
            status.update(f"running: {len(runs)} of {len(texts)} sentences")
        seconds = time.monotonic() - started
        status.update("golden")
        for one, run, inputs in zip(texts, runs, given, strict=True):
            told = first_difference(loaded.graph, run, run_integer(loaded.graph, inputs))
            if told is not None:
                raise RunError(f"sentence {one!r}: {told}")
    lengths = program.lengths(given[0])
    memory = Memory(latency=latency, pace=bus_pace)
    model = Timeline(program, program.registers(given[0]), plan, memory=memory)
    order = [i for i, one in enumerate(program.instructions) if one.unit != "sequencer"]
    found = spans(program, order, runs[0].outcome.completions, plan.queue_depth)
    rows = operator_rows(loaded.graph, program, plan, found, lengths)
    layers = _layers(loaded, program, plan, found, lengths, plan.machine.bus_bytes / bus_pace)
    figures: dict[str, Any] = {
        **{"config": config, "feeder": feeder, "latency": latency, "bus_pace": bus_pace},
        "sentences": _sentences(console, loaded, program, texts, given, runs),
        "model_cycles": round(model.cycles),
        "operators": [row.figures for row in rows],
        "layer": layers,
    }
    _report(console, rows, runs[0], figures)
    title = f"all-MiniLM-L6-v2 on {config}, {feeder}: {lengths['tokens']} tokens"
    draw(program, found, picture, title)
    write_json(json_file, figures)
    console.print(
        f"bit-exact with golden: {len(texts)} embeddings, one program; {seconds:.0f} s of "
        f"simulation; units over time: {picture}"
    )


def text_of(tokens: int) -> str:
    """The beginning of the project's sentences, of so many tokens or the most that are fewer."""
    tokenizer = minilm.Tokenizer(tokens + 1)
    words = " ".join(minilm.sentences()).split()
    count = 1
    while count < len(words) and len(tokenizer(" ".join(words[: count + 1]))) <= tokens:
        count += 1
    return " ".join(words[:count])


def _sentences(
    console: Console,
    loaded: Loaded,
    program: Program,
    texts: Sequence[str],
    given: Sequence[Any],
    runs: Sequence[Run],
) -> list[dict[str, Any]]:
    """Print each sentence's cycles and cosine to the first; tell the nearest."""
    vectors = np.array([next(iter(run.outputs.values())).ravel() for run in runs], float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table = Table("sentence", "tokens", "cosine", "cycles", "million MACs", "million MACs/s")
    figures = []
    for text, inputs, run, vector in zip(texts, given, runs, vectors, strict=True):
        lengths = program.lengths(inputs)
        macs = sum(one.macs for one in describe(loaded.graph, lengths))
        speed = macs / max(run.outcome.seconds, 1e-9) / 1e6
        cosine = float(vectors[0] @ vector)
        table.add_row(text[:48], str(lengths["tokens"]), f"{cosine:.3f}",
                      f"{run.outcome.cycles:,}", f"{macs / 1e6:.0f}", f"{speed:.1f}")  # fmt: skip
        figures.append({
            "sentence": text,
            "tokens": lengths["tokens"],
            "cosine": round(cosine, 4),
            "cycles": run.outcome.cycles,
            "macs": macs,
            "seconds": round(run.outcome.seconds, 2),
            "counters": dict(run.outcome.counters),
        })
    console.print(table)
    if len(texts) > 1:
        nearest = 1 + int(np.argmax(vectors[1:] @ vectors[0]))
        console.print(f"nearest to {texts[0]!r}: {texts[nearest]!r}")
    return figures


def _report(
    console: Console, rows: Sequence[OperatorRow], run: Run, figures: dict[str, Any]
) -> None:
    table = Table("operator, all layers", "units", "cycles", "least", "utilisation", "bound",
                  "million MACs/s")  # fmt: skip
    per_cycle = run.outcome.seconds / run.outcome.cycles
    for row in rows:
        speed = f"{row.macs / (row.cycles * per_cycle) / 1e6:.1f}" if row.macs else ""
        table.add_row(row.name, ", ".join(row.units), f"{row.cycles:,}",
                      f"{row.least.cycles:,.0f}", f"{row.utilisation:.0%}", row.least.bound,
                      speed)  # fmt: skip
    console.print(table)
    model, cycles = figures["model_cycles"], run.outcome.cycles
    console.print(f"in all {cycles:,} cycles; the model tells {model:,}: {model / cycles - 1:+.1%}")
    layer = figures["layer"]
    console.print(
        f"an encoder layer: {layer['cycles']:,} cycles, least {layer['least']:,} "
        f"({layer['bound']}): {layer['ratio']:.2f} times; idle of the {layer['cycles']:,}: "
        + ", ".join(f"{unit} {idle:,}" for unit, idle in layer["idle"].items())
    )


def _layers(
    loaded: Loaded,
    program: Program,
    plan: AcceleratorPlan,
    found: Sequence[Span],
    lengths: dict[str, int],
    bus_bytes: float,
) -> dict[str, Any]:
    """A layer in the steady state: from the end of the second to that of the last but one."""
    names = [one.name for one in loaded.graph.operators]
    numbers = sorted({int(name.split(".")[1]) for name in names if name.startswith("layer.")})
    first, last = numbers[1], numbers[-2]
    ends = {
        number: max(
            one.end
            for one in found
            if program.remarks[one.place].startswith(f"layer.{number}.") and one.unit == "vector"
        )
        for number in (first, last)
    }
    count, window = last - first, (ends[first], ends[last])
    cycles = (window[1] - window[0]) / count
    least = of_layer(
        loaded.graph,
        [name for name in names if name.startswith(f"layer.{last}.")],
        plan,
        lengths,
        bus_bytes,
    )
    idle = {}
    for unit in ("weights", "cores", "vector", "engine"):
        covered = reached = 0
        for one in sorted((x for x in found if x.unit == unit), key=lambda x: x.begin):
            begin, end = max(one.begin, window[0], reached), min(one.end, window[1])
            covered, reached = covered + max(end - begin, 0), max(reached, end)
        idle[unit] = round(cycles - covered / count)
    return {
        "cycles": round(cycles),
        "least": round(least.cycles),
        "ratio": round(cycles / least.cycles, 3),
        "idle": idle,
        **least.figures,
    }
