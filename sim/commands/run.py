"""``python -m sim run``."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from hw.accelerator.layout import UNITS
from hw.accelerator.plan import PLANS, AcceleratorPlan, with_feeder
from hw.program import compile_network
from sim.accelerator.inputs import Use, read_inputs, use_of
from sim.accelerator.networks import Loaded, load, longest
from sim.accelerator.predict import TOLERANCE, Prediction, memory_of, predict
from sim.accelerator.run import Run, RunError, first_difference, golden_tensors, run_rtl, simulator
from sim.accelerator.trial import macs_of
from sim.commands.options import (
    attention_option,
    config_option,
    feeder_option,
    json_option,
    latency_option,
    write_json,
)


@click.command(name="run")
@click.argument("network")
@click.option("--input", "texts", multiple=True,
              help="A sentence, word, image, sound or length; several may be given.")  # fmt: skip
@click.option("--backend", type=click.Choice(["rtl", "golden"]), default="rtl", show_default=True)
@config_option("tiny")
@attention_option
@feeder_option
@latency_option
@click.option("--bus-pace", default=1, show_default=True, help="Cycles from beat to beat.")
@click.option("--stall", default=0.0, show_default=True, help="Share of cycles memory pauses.")
@click.option("--trace", is_flag=True, help="Store and compare every tensor, not outputs only.")
@click.option("--maximum", "maximums", multiple=True, metavar="LENGTH=NUMBER",
              help="The most of a length that inputs name; several may be given.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Of the pauses.")
@click.option("--data", type=click.Path(path_type=Path),
              help="Folder of models that the project does not contain.")  # fmt: skip
@json_option
def run(
    network: str,
    texts: tuple[str, ...],
    backend: str,
    config: str,
    attention: str,
    feeder: str,
    latency: int,
    bus_pace: int,
    stall: float,
    trace: bool,
    maximums: tuple[str, ...],
    seed: int,
    data: Path | None,
    json_file: Path | None,
) -> None:
    """A NETWORK on the accelerator's RTL in Verilator, bit for bit as golden says.

    NETWORK is minilm (sentences), vit (images of digits), kwt (sounds), g2p or netra (words), or a
    small instance of any network that `python -m golden networks` lists (lengths). One program
    serves all inputs. What it writes to memory is compared: with --trace every tensor, which may
    need shorter inputs (--maximum tokens=64); of a network that chooses its tokens, those.
    """
    console = Console() if Console().is_terminal else Console(width=110)
    plan = with_feeder(PLANS[config], feeder)
    use = use_of(network)
    with console.status("") as status:
        status.update(f"quantising {network}")
        loaded = load(network, plan.machine, data, attention)
        given = [read_inputs(loaded, use, text, data) for text in texts or use.default]
        if backend == "golden":
            for text, inputs in zip(texts or use.default, given, strict=True):
                tensors = golden_tensors(loaded, inputs)
                names = ["tokens"] if loaded.decoding else loaded.graph.outputs
                answer = use.answer({name: tensors[name] for name in names})
                console.print(f"{text!r}: {answer}")
            return
        status.update("compiling the program")
        program = compile_network(
            loaded.graph,
            plan.machine,
            longest(loaded, maximums),
            trace=trace,
            decoding=loaded.decoding,
        )
        status.update(f"building {config} with Verilator: minutes at first, then kept")
        started = time.monotonic()
        machine = simulator(plan)
        built = time.monotonic() - started
        status.update(f"running {len(given)} inputs on {config}")
        runs = list(
            run_rtl(machine, program, given, latency=latency, pace=bus_pace, stall=stall, seed=seed)
        )
        status.update("golden")
        differences = [
            first_difference(loaded.graph, one, golden_tensors(loaded, inputs))
            for one, inputs in zip(runs, given, strict=True)
        ]
    memory = memory_of(latency, bus_pace, stall)
    predictions = [
        predict(
            program,
            plan,
            inputs,
            one.outcome.cycles,
            one.outcome.counters,
            memory=memory,
            tokens=_tokens(loaded, one),
        )
        for one, inputs in zip(runs, given, strict=True)
    ]
    figures = _report(console, plan, loaded, use, texts or use.default, runs, predictions)
    if json_file is not None:
        content = {
            **{"network": network, "config": config, "feeder": feeder, "latency": latency},
            **{"bus_pace": bus_pace, "build_seconds": round(built, 1), "runs": figures},
        }
        write_json(json_file, content)
    for text, difference in zip(texts or use.default, differences, strict=True):
        if difference is not None:
            raise RunError(f"input {text!r}: {difference}")
    compared = len(program.traced) + len(program.outputs)
    console.print(f"bit-exact with golden: {compared} tensors of each of {len(runs)} inputs")


def _tokens(loaded: Loaded, run: Run) -> list[int]:
    return [int(x) for x in run.outputs["tokens"].ravel()] if loaded.decoding else []


def _report(
    console: Console,
    plan: AcceleratorPlan,
    loaded: Loaded,
    use: Use,
    texts: Sequence[str],
    runs: Sequence[Run],
    predictions: Sequence[Prediction],
) -> list[dict[str, Any]]:
    """Print answers and cycles, measured and by the model; return the figures."""
    table = Table(
        "input", "answer", "cycles", "model", "products", "a cycle", "million/s", "wall s"
    )
    units = Table("busy cycles", *UNITS[1:])
    figures, warnings = [], []
    for text, one, model in zip(texts, runs, predictions, strict=True):
        products = macs_of(loaded, one)
        outcome = one.outcome
        answer = use.answer(one.outputs)
        speed = products / max(outcome.seconds, 1e-9) / 1e6
        table.add_row(
            text,
            answer[:40],
            f"{outcome.cycles:,}",
            f"{model.cycles:,.0f} ({model.deviation:+.1%})",
            f"{products:,}",
            f"{products / outcome.cycles:.1f}",
            f"{speed:.1f}",
            f"{outcome.seconds:.1f}",
        )
        for name, busy, total in (
            (text[:20], model.measured_busy, outcome.cycles),
            ("  model", model.busy, model.cycles),
        ):
            shares = (f"{cycles:,.0f} {cycles / total:4.0%}" for cycles in busy.values())
            units.add_row(name, *shares)
        if abs(model.deviation) > TOLERANCE:
            warnings.append(
                f"warning: input {text!r}: the model is {model.deviation:+.1%} from what was "
                f"measured, more than {TOLERANCE:.0%}"
            )
        figures.append({
            "input": text,
            "answer": answer,
            "cycles": outcome.cycles,
            "products": products,
            "seconds": round(outcome.seconds, 2),
            "counters": dict(outcome.counters),
            "model": model.figures,
        })
    machine, program = plan.machine, runs[0].program
    console.print(
        f"{program.name}: {len(program.instructions)} instructions, "
        f"{program.buffer_words:,} of {machine.buffer_words:,} words of buffer"
    )
    console.print(table)
    console.print(units)
    for warning in warnings:
        console.print(warning)
    return figures
