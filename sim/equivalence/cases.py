"""What is proved: reduced specs with every feeder, product, encoding and sign, and full columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from amaranth.hdl import Module, Shape, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import MacroSpec, Sign
from hw.macro.column import plan_key, spec_key
from hw.macro.drive import Drive
from hw.macro.plan import ENCODINGS, PLANS, PRODUCTS, MacroPlan
from hw.macro.product_sum import ProductSum
from hw.macro.step import step_layout

Method = Literal["every addend", "chosen addends", "random"]
"""``every addend``: all inputs. ``chosen addends``: all steps and weights, each with 8 addends.
``random``: ``2**RANDOM_BITS`` random and extreme inputs."""

RANDOM_BITS = 20


@dataclass(frozen=True, kw_only=True)
class Case:
    """One proof: a spec, a plan and which inputs are tried."""

    spec: MacroSpec
    plan: MacroPlan
    method: Method

    @property
    def name(self) -> str:
        """Verilog-safe name, different for every case."""
        words = self.method.replace(" ", "_")
        return f"{spec_key(self.spec)}_{plan_key(self.plan)}_{words}"


class StepSums(wiring.Component):
    """One column's sum of one step for each of ``cases``: ``Drive`` and ``ProductSum``.

    Members
    -------
    step_0, weights_0, addend_0, sum_0 : of case 0
    """

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = cases
        super().__init__({
            f"{name}_{index}": (Out if name == "sum" else In)(layout)
            for index, case in enumerate(cases)
            for name, layout in sum_layouts(case).items()
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for index, case in enumerate(self.cases):
            step, weights, addend, total = (
                getattr(self, f"{name}_{index}") for name in sum_layouts(case)
            )
            drive = Drive(case.spec, case.plan)
            sums = ProductSum(case.spec, case.plan, _addend_shape(case), case.spec.sum_bits + 1)
            m.submodules[f"drive_{index}"], m.submodules[f"sums_{index}"] = drive, sums
            m.d.comb += [
                drive.step.eq(step),
                sums.drive.eq(drive.o),
                sums.weights.eq(weights),
                sums.addend.eq(addend),
                total.eq(sums.o),
            ]
        return m


def sum_layouts(case: Case) -> dict[str, data.Layout]:
    """Layouts of a case's inputs and of its sum."""
    spec, tokens = case.spec, case.plan.tokens
    return {
        "step": step_layout(spec, case.plan),
        "weights": data.ArrayLayout(unsigned(spec.weight_bits), spec.lanes),
        "addend": data.ArrayLayout(_addend_shape(case), tokens),
        "sum": data.ArrayLayout(unsigned(spec.sum_bits + 1), tokens),
    }


def _addend_shape(case: Case) -> Shape:
    """As a column has it: ``fixed`` shifts it down, unsigned with unsigned weights."""
    width = case.spec.sum_bits + 1
    if case.plan.feeder == "fixed":
        return Shape(width - case.plan.bits_per_cycle, case.spec.weight_signed)
    return signed(width)


Signs = tuple[tuple[Sign, bool], ...]
ALL_SIGNS: Signs = (
    ("either", True),
    ("either", False),
    ("unsigned", True),
    ("unsigned", False),
    ("signed", False),
    ("signed", True),
)
"""Sign of the inputs and whether weights are signed."""

FEW_SIGNS: Signs = (("either", True), ("unsigned", False))
ONE_SIGN: Signs = (("either", True),)

WHOLE_SIGNS: Signs = (("either", True), ("signed", True))
"""Of plans that take an input whole: a sign that is known is subtracted for good."""


def cases() -> list[Case]:
    """Every case: all inputs of small columns, then random inputs of whole ones."""
    found = []
    for plan, lanes, input_bits, weight_bits, method, signs in [*_fixed(), *_by_length()]:
        for input_sign, weight_signed in signs:
            spec = MacroSpec(
                lanes=lanes,
                columns=1,
                weight_sets=1,
                input_bits=input_bits,
                weight_bits=weight_bits,
                input_sign=input_sign,
                weight_signed=weight_signed,
            )
            found.append(Case(spec=spec, plan=plan, method=method))
    return [*found, *_whole()]


_Row = tuple[MacroPlan, int, int, int, Method, Signs]
"""A plan, lanes, input bits, weight bits, method, signs."""


def _fixed() -> list[_Row]:
    rows: list[_Row] = []
    for products in PRODUCTS:
        one = MacroPlan(bits_per_cycle=1, products=products)
        two, four = replace(one, bits_per_cycle=2), replace(one, bits_per_cycle=4)
        rows += [
            (one, 2, 4, 2, "every addend", ALL_SIGNS),
            (one, 4, 4, 3, "chosen addends", FEW_SIGNS),
            (two, 2, 4, 2, "every addend", ALL_SIGNS),
            (two, 4, 4, 2, "chosen addends", FEW_SIGNS),
            (replace(two, tokens=2), 2, 4, 2, "chosen addends", FEW_SIGNS),
            (four, 2, 4, 2, "every addend", WHOLE_SIGNS),
            (four, 3, 4, 2, "chosen addends", FEW_SIGNS),
            (replace(one, bits_per_cycle=8), 2, 8, 2, "chosen addends", WHOLE_SIGNS),
        ]
    tokens = MacroPlan(bits_per_cycle=1, tokens=2)
    return [*rows, (tokens, 4, 4, 2, "chosen addends", ONE_SIGN)]


def _by_length() -> list[_Row]:
    """Skip, ring and spill."""
    rows: list[_Row] = []
    for products in PRODUCTS:
        plain = MacroPlan(feeder="skip", bits_per_cycle=1, products=products)
        rows += [
            (plain, 2, 4, 2, "every addend", ALL_SIGNS),
            (replace(plain, bits_per_cycle=2), 3, 4, 2, "chosen addends", FEW_SIGNS),
        ]
        skip = MacroPlan(
            feeder="skip", bits_per_cycle=1, products=products, encoding="sign_magnitude"
        )
        two, four = replace(skip, bits_per_cycle=2), replace(skip, bits_per_cycle=4)
        rows += [
            (skip, 2, 4, 2, "every addend", ALL_SIGNS),
            (skip, 4, 4, 2, "chosen addends", FEW_SIGNS),
            (two, 3, 4, 2, "chosen addends", FEW_SIGNS),
            (four, 2, 4, 3, "chosen addends", FEW_SIGNS),
        ]
    ring = MacroPlan(feeder="ring", bits_per_cycle=1, products="plain")
    rows += [
        (ring, 2, 4, 2, "chosen addends", ALL_SIGNS),
        (ring, 2, 3, 2, "every addend", ONE_SIGN),
        (ring, 3, 3, 2, "chosen addends", ONE_SIGN),
    ]
    for encoding in ENCODINGS:
        one = MacroPlan(
            feeder="spill", bits_per_cycle=1, products="plain", encoding=encoding, helpers=1
        )
        two, four = replace(one, bits_per_cycle=2), replace(one, bits_per_cycle=4)
        rows += [
            (one, 2, 4, 2, "every addend", ONE_SIGN),
            (one, 3, 3, 2, "chosen addends", ALL_SIGNS),
            (replace(one, helpers=2), 2, 4, 2, "chosen addends", ALL_SIGNS),
            (two, 2, 4, 2, "chosen addends", FEW_SIGNS),
            (replace(two, helpers=2), 2, 4, 2, "chosen addends", ONE_SIGN),
            (four, 2, 5, 2, "chosen addends", ONE_SIGN),
        ]
    return rows


def _whole() -> list[Case]:
    """Columns of eight lanes with all their bits, one of each kind."""
    skip = MacroPlan(feeder="skip", bits_per_cycle=2, encoding="sign_magnitude")
    plans = [*(PLANS[name] for name in ("fixed", "ring", "spill-2", "pairs")), skip]
    return [Case(spec=MacroSpec(columns=1), plan=plan, method="random") for plan in plans]
