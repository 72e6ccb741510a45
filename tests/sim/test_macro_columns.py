"""A macro's columns as one module: the same circuit, and the comparison can fail."""

import pytest

from golden.spec import MacroSpec
from hw.macro.macro import Macro
from hw.macro.plan import PLANS, MacroPlan
from hw.verilog import emit
from sim import macro_columns
from sim.equivalence import columns
from sim.equivalence.columns import MacroCase, macro_cases
from sim.equivalence.exhaustion import DifferenceError, prove_columns
from sim.macro_columns import with_columns

pytestmark = pytest.mark.timeout(300)

SPEC = MacroSpec(lanes=2, columns=2, weight_sets=2, input_bits=4, weight_bits=2)
SERIAL = MacroPlan(products="plain", bits_per_cycle=2)
CASE = MacroCase(spec=SPEC, plan=SERIAL)


@pytest.fixture(autouse=True)
def few_cycles(monkeypatch):
    monkeypatch.setattr(columns, "CYCLE_BITS", 14)


def test_both_forms_are_equal():
    (proof,) = prove_columns([CASE])
    assert (proof.compared, proof.left_out) == (2 << 14, 0)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("first ? 0 : ", ""),
        (">>> 2", ">>> 1"),
        ("value_1 * cells[set][1]", "value_1 * cells[set][0]"),
        ("cells[write_set]", "cells[0]"),
        ("cells[set]", "cells[write_set]"),
        ("{{29{drive[2]}}, ", "{29'd0, "),
        ("$signed(write_data", "(write_data"),
        ("low_1 <= {high_1[1:0]", "low_1 <= {high_1[2:1]"),
        ("if (enable)", "if (enable | first)"),
    ],
)
def test_a_mutant_differs(right, wrong, monkeypatch):
    whole = macro_columns.columns_verilog

    def mutated(spec, plan):
        text = whole(spec, plan)
        assert right in text
        return text.replace(right, wrong)

    monkeypatch.setattr(macro_columns, "columns_verilog", mutated)
    with pytest.raises(DifferenceError, match="columns as one module differ"):
        list(prove_columns([CASE]))


def test_every_case_has_a_name_of_its_own():
    names = [case.name for case in macro_cases()]
    assert len(set(names)) == len(names)


def test_other_macros_stay_as_they_are():
    text = emit(Macro(SPEC, PLANS["ring"]), "macro")
    assert with_columns(text, SPEC, PLANS["ring"]) == text
    assert with_columns("module other;\nendmodule\n", SPEC, SERIAL).startswith("module other")
