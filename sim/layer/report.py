"""Tables of a layer's run: what went in, cycles per product and plan, and what they cost."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from golden.integer import effective_bits, set_bits
from golden.networks.products import Product
from golden.spec import CoreSpec
from hw.area.measure import Area
from hw.macro.plan import PLANS
from hw.macro.schedule import cycles
from sim.layer.run import Run
from sim.mapping import groups_of

BASELINE = "fixed"


def product_names(products: Sequence[Product]) -> list[str]:
    """Names in order of execution, once each."""
    return list(dict.fromkeys(product.name for product in products))


def macs(product: Product) -> int:
    """Multiplications of one product."""
    return len(product.x) * product.x.shape[1] * product.w.shape[1]


def macro_cycles(spec: CoreSpec, plan_name: str, products: Sequence[Product]) -> float:
    """Cycles per group of one macro, averaged over groups and weighted by MACs."""
    plan = PLANS[plan_name]
    total, weight = 0.0, 0
    for product in products:
        groups = groups_of(product.x, spec.macro.lanes)
        if plan.tokens > 1:
            steps = float(plan.feeder == "fixed") / plan.tokens
        else:
            steps = float(cycles(spec.macro, plan, groups, product.x_signed).mean())
        total, weight = total + steps * macs(product), weight + macs(product)
    return total / weight


def summary(
    spec: CoreSpec,
    products: Sequence[Product],
    runs: Mapping[str, Run],
    areas: Mapping[str, Area],
) -> dict[str, Any]:
    """Every figure of the tables, with stable keys."""
    static = [index for index, product in enumerate(products) if product.head is None]
    names = product_names(products)
    found: dict[str, Any] = {"products": {}, "plans": {}, "static_macs": 0}
    for name in names:
        parts = [product for product in products if product.name == name]
        x = np.concatenate([product.x.reshape(-1) for product in parts])
        found["products"][name] = {
            "macs": sum(map(macs, parts)),
            "effective_bits": float(effective_bits(x).mean()),
            "effective_bits_sign_magnitude": float(effective_bits(x, "sign_magnitude").mean()),
            "set_bits": float(set_bits(x).mean()),
        }
    found["static_macs"] = sum(macs(products[index]) for index in static)
    for plan_name, run in runs.items():
        by_product = {
            name: sum(
                count
                for count, product in zip(run.cycles, products, strict=True)
                if product.name == name
            )
            for name in names
        }
        steps = macro_cycles(spec, plan_name, [products[index] for index in static])
        lanes = spec.lanes * PLANS[plan_name].tokens
        figures = {
            "cycles": by_product,
            "lane_cycles_of": {name: count * lanes for name, count in by_product.items()},
            "total": run.total,
            "static": sum(run.cycles[index] for index in static),
            "lane_cycles": run.total * lanes,
            "macro_cycles_per_group": steps,
            "macs_per_second": run.macs / run.seconds,
        }
        found["plans"][plan_name] = figures
    _add_ratios(found["plans"], areas)
    return found


def _add_ratios(plans: dict[str, Any], areas: Mapping[str, Area]) -> None:
    base = plans.get(BASELINE)
    for name, figures in plans.items():
        if name in areas:
            figures["transistors"] = areas[name].transistors
        if base is None:
            continue
        figures["core_ratio"] = base["static"] / figures["static"]
        figures["macro_ratio"] = base["macro_cycles_per_group"] / figures["macro_cycles_per_group"]
        if name in areas and BASELINE in areas:
            ours, fixed = areas[name], areas[BASELINE]
            logic = ours.transistors / fixed.transistors
            stored = (ours.transistors + ours.storage_transistors()) / (
                fixed.transistors + fixed.storage_transistors()
            )
            figures["area_logic"], figures["area_6t"] = logic, stored
            figures["speed_per_area_logic"] = figures["macro_ratio"] / logic
            figures["speed_per_area_6t"] = figures["macro_ratio"] / stored


def input_table(found: Mapping[str, Any]) -> Table:
    """What the products' inputs are like."""
    table = _table("Inputs", "product", "MACs", "effective bits", "in sign-magnitude", "set bits")
    for name, figures in found["products"].items():
        table.add_row(
            name,
            f"{figures['macs']:,}",
            f"{figures['effective_bits']:.2f}",
            f"{figures['effective_bits_sign_magnitude']:.2f}",
            f"{figures['set_bits']:.2f}",
        )
    return table


def cycle_table(found: Mapping[str, Any]) -> Table:
    """Cycles of the core per product and plan, the ratio to ``fixed``, and cycles x lanes."""
    plans = found["plans"]
    title = "One core: cycles, x faster than fixed, and million cycles x lanes"
    table = _table(title, "product", *plans)
    for name in found["products"]:
        table.add_row(name, *(_cell(plans, plan, name) for plan in plans))
    return table


def plan_table(found: Mapping[str, Any]) -> Table:
    """Each plan over the products with static weights."""
    table = _table(
        "Six products with static weights; x is to fixed of this run",
        *("plan", "cycles", "core x", "macro x", "cycles x lanes", "M MAC/s"),
    )
    for name, figures in found["plans"].items():
        table.add_row(
            name,
            f"{figures['static']:,}",
            _ratio(figures.get("core_ratio")),
            _ratio(figures.get("macro_ratio")),
            f"{figures['lane_cycles']:,}",
            f"{figures['macs_per_second'] / 1e6:.1f}",
        )
    return table


def area_table(found: Mapping[str, Any]) -> Table:
    """Each plan per area of one macro: its logic, and with six transistors a bitcell."""
    table = _table(
        "One macro against fixed: area, and speed per area",
        *("plan", "logic k trans.", "logic x", "with 6T x", "speed/logic", "speed/6T"),
    )
    keys = ("area_logic", "area_6t", "speed_per_area_logic", "speed_per_area_6t")
    for name, figures in found["plans"].items():
        if "transistors" in figures:
            ratios = (_ratio(figures.get(key)) for key in keys)
            table.add_row(name, f"{figures['transistors'] / 1e3:.0f}", *ratios)
    return table


def _cell(plans: Mapping[str, Any], plan: str, name: str) -> str:
    count = plans[plan]["cycles"][name]
    base = plans.get(BASELINE)
    ratio = f"{base['cycles'][name] / count:.2f}\n" if base else ""
    return f"{count:,}\n{ratio}{plans[plan]['lane_cycles_of'][name] / 1e6:.2f} M"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _table(title: str, *columns: str) -> Table:
    # Narrow enough for a terminal of 80 columns with six plans.
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=not index)
    return table
