"""The proof that words and gates are one function: small cases pass, and it can fail."""

import pytest

from golden.spec import MacroSpec
from hw.macro.plan import PLANS
from hw.macro.product_sum import ProductSum
from sim.equivalence.cases import Case, cases
from sim.equivalence.exhaustion import DifferenceError, prove

pytestmark = pytest.mark.timeout(300)

SMALL = MacroSpec(lanes=2, columns=1, weight_sets=1, input_bits=3, weight_bits=2)
ONE = Case(spec=SMALL, plan=PLANS["fixed"], method="every addend")
RING = Case(spec=SMALL, plan=PLANS["ring"], method="every addend")


def test_small_cases_are_equal():
    told = []
    proofs = {proof.case: proof for proof in prove([ONE, RING], tell=told.append)}
    assert proofs.keys() == {ONE, RING}
    # Two digits, their sign, two weights of two bits and the addend.
    addend_bits = SMALL.sum_bits + 1 - 1
    assert proofs[ONE].compared == 1 << (2 + 1 + 4 + addend_bits)
    # A ring's bit has one of three places, which two bits tell apart.
    assert 0 < proofs[RING].left_out < proofs[RING].compared
    assert told[-1].endswith("inputs of 2 cases")


@pytest.mark.parametrize("case", [ONE, Case(spec=SMALL, plan=PLANS["fixed"], method="random")])
def test_one_wrong_input_is_found(case, monkeypatch):
    whole = ProductSum._gates

    def wrong(self, m, choices, token):
        return whole(self, m, choices, token) ^ self.weights.as_value().all()

    monkeypatch.setattr(ProductSum, "_gates", wrong)
    with pytest.raises(DifferenceError, match=rf"{case.name}: step .* give words .* and gates"):
        list(prove([case]))


def test_cases_have_names_of_their_own():
    names = [case.name for case in cases()]
    assert len(set(names)) == len(names)
