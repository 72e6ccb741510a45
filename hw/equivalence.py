"""Proof that the two forms of the arithmetic are one function.

Only ``Drive`` and ``ProductSum`` differ between "words" (quick to simulate) and "gates"
(what is synthesised). Both are combinational, so their equality is one question to a SAT solver.
Multipliers are hard for it: the specs here are small, and have every feature.
"""

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Module, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import MacroSpec, Sign
from hw import yosys
from hw.macro.drive import Drive
from hw.macro.plan import MacroPlan
from hw.macro.product_sum import ProductSum
from hw.macro.step import step_layout
from hw.verilog import SimulationPlatform, emit


class StepSum(wiring.Component):
    """One column's sum of one step: ``Drive`` and ``ProductSum``, without registers."""

    def __init__(self, spec: MacroSpec, plan: MacroPlan) -> None:
        self.spec, self.plan = spec, plan
        self.width = spec.sum_bits + 1
        super().__init__({
            "step": In(step_layout(spec, plan)),
            "weights": In(data.ArrayLayout(unsigned(spec.weight_bits), spec.lanes)),
            "addend": In(data.ArrayLayout(signed(self.width), plan.tokens)),
            "o": Out(data.ArrayLayout(unsigned(self.width), plan.tokens)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.drive = drive = Drive(self.spec, self.plan)
        m.submodules.total = total = ProductSum(
            self.spec, self.plan, signed(self.width), self.width
        )
        m.d.comb += [
            drive.step.eq(self.step),
            total.drive.eq(drive.o),
            total.weights.eq(self.weights),
            total.addend.eq(self.addend),
            self.o.eq(total.o),
        ]
        return m


@dataclass(frozen=True, kw_only=True)
class Case:
    """One proof: a reduced spec and a plan."""

    spec: MacroSpec
    plan: MacroPlan


def cases() -> list[Case]:
    """Every feeder, kind of product, encoding and signedness, on four lanes where it can be had."""
    found = []
    signs: Sign
    for signs in ("either", "unsigned"):
        for weight_signed in (True, False):
            small = MacroSpec(
                lanes=4,
                columns=1,
                input_bits=4,
                weight_bits=3,
                input_sign=signs,
                weight_signed=weight_signed,
            )
            found += [Case(spec=small, plan=plan) for plan in _plans()]
    wide = MacroSpec(lanes=2, columns=1, weight_bits=2)
    found += [Case(spec=wide, plan=MacroPlan(products=products)) for products in ("plain", "pairs")]
    odd = MacroSpec(lanes=3, columns=1, input_bits=4, weight_bits=4)
    return [*found, Case(spec=odd, plan=MacroPlan(bits_per_cycle=4, tokens=2))]


def _plans() -> list[MacroPlan]:
    plans = []
    for bits in (1, 2, 4):
        for products in ("plain", "pairs"):
            plans.append(MacroPlan(bits_per_cycle=bits, products=products))
            plans.append(
                MacroPlan(
                    feeder="skip",
                    bits_per_cycle=bits,
                    products=products,
                    encoding="sign_magnitude",
                )
            )
    for encoding in ("twos_complement", "sign_magnitude"):
        plans.append(
            MacroPlan(feeder="ring", bits_per_cycle=1, products="plain", encoding=encoding)
        )
        for helpers, bits in ((1, 1), (2, 2)):
            plans.append(
                MacroPlan(
                    feeder="spill",
                    bits_per_cycle=bits,
                    products="plain",
                    encoding=encoding,
                    helpers=helpers,
                )
            )
    return plans


_SCRIPT = """\
read_verilog words.v gates.v
proc
flatten words
flatten gates
opt_clean
miter -equiv -flatten -make_outputs words gates miter
hierarchy -top miter
opt -full
sat -verify -prove trigger 0 -show-inputs miter
"""


class _Gates(SimulationPlatform):
    arithmetic = "gates"


def prove(case: Case) -> float:
    """Prove one case and return the seconds that it took; ``ValueError`` if the forms differ."""
    total = StepSum(case.spec, case.plan)
    forms = {
        "words.v": emit(total, "words", SimulationPlatform()),
        "gates.v": emit(StepSum(case.spec, case.plan), "gates", _Gates()),
    }
    try:
        return yosys.run(_SCRIPT, forms).seconds
    except ValueError as error:
        raise ValueError(f"words and gates differ for {case.spec} and {case.plan}") from error
