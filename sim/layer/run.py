"""Runs products on a core in Verilator and holds every output against golden."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from golden.networks.products import Product
from golden.spec import CoreSpec
from hw.core.core import Core
from hw.core.layout import output_layout
from hw.core.plan import CorePlan
from hw.verilog import VerilogPlatform, emit
from sim.beats import unpack
from sim.mapping import Work, map_products
from sim.native import Simulator, apart, build


@dataclass(frozen=True, kw_only=True)
class Run:
    """One plan's run over all products.

    cycles
        Of each product, from the last output of the one before (the first input taken) to its own.
    seconds
        Wall time of the simulation, without the build.
    """

    cycles: list[int]
    seconds: float
    macs: int

    @property
    def total(self) -> int:
        """Cycles from the first input taken to the last output."""
        return sum(self.cycles)


class Mismatch(ValueError):
    """An output of the RTL is not golden's."""


def build_core(
    spec: CoreSpec,
    plan: CorePlan,
    waves: bool = False,
    platform: VerilogPlatform | None = None,
    flags: Sequence[str] = (),
) -> Simulator:
    """Build a core for long runs. Macros stay modules of their own: compiled once, not each."""
    core = Core(spec, plan)
    verilog = apart(emit(core, "top", platform), "macro_")
    return build(core, "top", verilog=verilog, flags=flags, waves=waves)


def run_products(
    simulator: Simulator,
    spec: CoreSpec,
    plan: CorePlan,
    products: Sequence[Product],
    **options: object,
) -> Run:
    """Run ``products``; raise ``Mismatch`` naming the first output that differs."""
    work = map_products(spec, plan, products)
    result = simulator.run(work.inputs, {"o": len(work.expected)}, **options)  # type: ignore[arg-type]
    codes = unpack(output_layout(spec, plan), result.beats["o"])["data"]
    _require_equal(codes, work, products)
    stamps = result.cycles["o"][np.cumsum(work.beats) - 1]
    start = int(result.cycles["i"][0]) - 1
    cycles = np.diff(stamps, prepend=start).tolist()
    macs = sum(p.x.shape[0] * p.x.shape[1] * p.w.shape[1] for p in products)
    return Run(cycles=cycles, seconds=result.seconds, macs=macs)


def _require_equal(codes: np.ndarray, work: Work, products: Sequence[Product]) -> None:
    wrong = np.flatnonzero((codes != work.expected).any(axis=1))
    if not wrong.size:
        return
    beat = int(wrong[0])
    index = int(np.searchsorted(np.cumsum(work.beats), beat, side="right"))
    lane = int(np.flatnonzero(codes[beat] != work.expected[beat])[0])
    place = beat - sum(work.beats[:index])
    raise Mismatch(
        f"product {products[index].name!r}, output beat {place}, lane {lane}: "
        f"{codes[beat, lane]} instead of {work.expected[beat, lane]}"
    )
