"""``python -m sim layer``: a sentence through one encoder layer's products on the RTL of a core."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from golden.networks.products import Product
from golden.spec import CoreSpec, MacroSpec
from hw.area.measure import Area, measure
from hw.core.plan import CorePlan
from hw.macro.macro import Macro
from hw.macro.plan import PLANS
from hw.yosys import write_atomically
from sim.attention.layer import run_attention
from sim.layer.activations import layer_products, split_sentences
from sim.layer.picture import draw
from sim.layer.report import (
    BASELINE,
    area_table,
    cycle_table,
    input_table,
    plan_table,
    product_names,
    summary,
)
from sim.layer.run import Run, build_core, run_products

PLAN_NAMES = ("fixed", "skip", "ring", "spill-1", "spill-2", "pairs")
"""Plans that ``make sim`` runs: the published and the bit-balanced ones, and the default."""

WAVES = Path("build/waves.vcd")


def run_layer(
    text: str,
    plan_names: Sequence[str] = PLAN_NAMES,
    *,
    small: bool = False,
    with_area: bool = True,
    waves: bool = False,
    json_file: Path | None = None,
    picture: Path | None = None,
) -> dict[str, Any]:
    """Run every plan, print the tables and return their figures.

    ``small`` takes two macros of eight columns and the first head only, for a quick check;
    ``waves`` records one tile of columns on the first plan, on such a core, in ``build/waves.vcd``.
    """
    console = Console()
    unknown = [name for name in plan_names if name not in PLANS]
    if unknown:
        raise ValueError(f"unknown plan {unknown[0]!r}: use one of {', '.join(PLANS)}")
    sentences = split_sentences(text)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(f"golden: {len(sentences)} sentences through the encoder")
        products = layer_products(sentences)
    spec = CoreSpec()
    if small or waves:
        spec = CoreSpec(macro=MacroSpec(columns=8), macros=2, rows=32)
        products = [p for p in products if not p.head]
    if waves:
        products, plan_names = [_first_columns(products[0], spec.columns)], plan_names[:1]
        WAVES.parent.mkdir(parents=True, exist_ok=True)
    rows = sum(len(p.x) for p in products if p.name == "query")
    counts = {"sentence": len(sentences), "token": rows, "product": len(products)}
    told = ", ".join(f"{n} {name}{'s' * (n > 1)}" for name, n in counts.items())
    console.print(f"encoder layer 1: {told}")
    runs, areas = _run_all(spec, products, plan_names, with_area and not waves, waves)
    found = summary(spec, products, runs, areas)
    found |= {"sentences": sentences, "tokens": rows}
    console.print(input_table(found), cycle_table(found), plan_table(found))
    console.print(
        "Cycles count from the first input to the last output; cycles x lanes is of all products; "
        "M MAC/s is the simulation's speed."
    )
    if areas:
        console.print(area_table(found))
        console.print(
            "Area is of one macro's logic with its registers, by Yosys (-g gates); "
            "`make synth` has every block and other libraries. Speed is the macro's."
        )
    for name in product_names(products):
        console.print(f"{name}: bit-exact on {', '.join(runs)}")
    if not (small or waves):
        with console.status("the engine: building it with Verilator, then the layer's attention"):
            attention = run_attention(sentences)
        found["attention"] = asdict(attention) | {"share": attention.share}
        console.print(
            f"attention engine: {attention.heads} heads in all, {len(sentences)} sentences, in "
            f"{attention.cycles:,} cycles, {attention.share:.0%} of the array's products useful "
            "(short sentences fill few of its 32 columns); bit-exact"
        )
    if waves:
        console.print(f"waveforms in {WAVES}: open them with GTKWave or Surfer")
    if picture is not None and BASELINE in runs:
        draw(found, picture)
        console.print(f"a picture of it is in {picture}")
    if json_file is not None:
        write_atomically(json_file, json.dumps(found, indent=2).encode())
    return found


def _run_all(
    spec: CoreSpec,
    products: Sequence[Product],
    plan_names: Sequence[str],
    with_area: bool,
    waves: bool,
) -> tuple[dict[str, Run], dict[str, Area]]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        Progress(*columns, console=Console(stderr=True), transient=True) as progress,
        ThreadPoolExecutor(2) as pool,
    ):

        def simulate(name: str) -> Run:
            task = progress.add_task(f"{name}: building the core with Verilator")
            plan = CorePlan(macro=PLANS[name])
            simulator = build_core(spec, plan, waves)
            progress.update(task, description=f"{name}: simulating")
            options: dict[str, Any] = {"waves": WAVES} if waves else {}
            run = run_products(simulator, spec, plan, products, **options)
            progress.remove_task(task)
            return run

        def area(name: str) -> Area:
            task = progress.add_task(f"{name}: area of a macro with Yosys")
            found = measure(Macro(spec.macro, PLANS[name]))
            progress.remove_task(task)
            return found

        runs = {name: pool.submit(simulate, name) for name in plan_names}
        areas = {name: pool.submit(area, name) for name in plan_names if with_area}
        try:
            return (
                {name: future.result() for name, future in runs.items()},
                {name: future.result() for name, future in areas.items()},
            )
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _first_columns(product: Product, columns: int) -> Product:
    return replace(
        product,
        w=product.w[:, :columns],
        multiplier=product.multiplier[:columns],
        bias=product.bias[:columns],
        expected=product.expected[:, :columns],
    )
