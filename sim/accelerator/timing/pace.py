"""What a row of codes costs a core, by feeder and product: the one table that is measured.

`python -m sim rows` measures it and writes `rows.json`, on sentences that no figure is told of.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from hw.accelerator.plan import FEEDERS, AcceleratorPlan

TABLE = Path(__file__).with_name("rows.json")


class Pace(NamedTuple):
    """Cycles of a row in a core: the mean, and how many more the rows of a pass take in all."""

    mean: float
    tail: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Paces:
    """Of any product, and of those that are known by the last part of their name."""

    every: Pace
    products: Mapping[str, Pace] = field(default_factory=dict)

    def of(self, remark: str) -> Pace:
        """Of the product that an instruction's remark names."""
        return self.products.get(product_of(remark.split(", ")[0]), self.every)


def product_of(name: str) -> str:
    """``feed_forward_in`` of ``layer.3.feed_forward_in``."""
    return name.rpartition(".")[2]


def paces_of(plan: AcceleratorPlan) -> Paces:
    """What rows cost a core of this plan; ``ValueError`` if nobody has measured it."""
    macro = plan.macro
    if macro.feeder == "fixed":
        # Every input bit, every time: nothing depends on data.
        return Paces(every=Pace(-(-8 // macro.bits_per_cycle)))
    table = json.loads(TABLE.read_text())
    for name, known in FEEDERS.items():
        if macro == known and str(plan.machine.word_bytes) in table.get(name, {}):
            row = table[name][str(plan.machine.word_bytes)]
            products = {product: Pace(*pace) for product, pace in row["products"].items()}
            return Paces(every=Pace(*row["every"]), products=products)
    raise ValueError(
        f"no table has the cycles of the macros {macro}: add them to FEEDERS and measure with "
        f"`python -m sim rows`"
    )
