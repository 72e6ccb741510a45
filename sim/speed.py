"""Simulated products per wall second of a core, as its arithmetic is written.

Only the form of ``hw.macro.product_sum`` differs: "words" (``x * w``, what ``make sim`` runs) or
"gates" (selected weights in a tree of full adders, lane by lane: what is synthesised). The command
``python -m sim equivalence`` ties the two together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.table import Table

from golden.networks.products import Product
from golden.spec import CoreSpec
from hw.core.plan import CorePlan
from hw.macro.plan import PLANS
from hw.verilog import SimulationPlatform
from sim.equivalence.wrapper import GatesPlatform
from sim.layer.report import macs
from sim.layer.run import build_core, run_products

PLAN_NAMES = ("fixed", "pairs")
AIMS = {"fixed": 25e6, "pairs": 100e6}
"""Products per second that a core is meant to reach in words."""

_BEST_OF = 3


FORMS: dict[str, tuple[type[SimulationPlatform], tuple[str, ...]]] = {
    "words": (SimulationPlatform, ()),
    # In one C++ function the compiler takes more than ten minutes.
    "gates": (GatesPlatform, ("--output-split", "5000", "--output-split-cfuncs", "500")),
}
"""Platform of each form, and Verilator's arguments for it."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """One core's speed in one form: products (MACs) and cycles per wall second."""

    plan: str
    form: str
    macs_per_second: float
    cycles_per_second: float


def measure(
    products: Sequence[Product],
    plan_names: Sequence[str] = PLAN_NAMES,
    spec: CoreSpec | None = None,
    tell: Callable[[str], object] = print,
) -> list[Speed]:
    """Run ``products`` on every plan in both forms, one after the other; the best of three runs.

    Every output is held against golden. ``tell`` is called with what is being done.
    """
    spec = CoreSpec() if spec is None else spec
    found = []
    for name in plan_names:
        plan = CorePlan(macro=PLANS[name])
        for form, (platform, flags) in FORMS.items():
            tell(f"{name}, {form}: building the core with Verilator")
            simulator = build_core(spec, plan, platform=platform(), flags=flags)
            tell(f"{name}, {form}: simulating")
            runs = [run_products(simulator, spec, plan, products) for _ in range(_BEST_OF)]
            best = min(runs, key=lambda run: run.seconds)
            speed = Speed(
                plan=name,
                form=form,
                macs_per_second=sum(map(macs, products)) / best.seconds,
                cycles_per_second=best.total / best.seconds,
            )
            found.append(speed)
    return found


def table(speeds: Sequence[Speed]) -> Table:
    """The speeds, and how many times as fast as in gates of the same run."""
    gates = {speed.plan: speed.macs_per_second for speed in speeds if speed.form == "gates"}
    result = Table(title="One core in Verilator, wall time", title_justify="left")
    for head in ("plan", "arithmetic in", "M MAC/s", "x gates", "aim", "k cycles/s"):
        result.add_column(head, justify="left" if head in {"plan", "arithmetic in"} else "right")
    for speed in speeds:
        result.add_row(
            speed.plan,
            speed.form,
            f"{speed.macs_per_second / 1e6:.1f}",
            f"{speed.macs_per_second / gates[speed.plan]:.1f}",
            f"{AIMS[speed.plan] / 1e6:.0f}" if speed.form == "words" else "",
            f"{speed.cycles_per_second / 1e3:.0f}",
        )
    return result
