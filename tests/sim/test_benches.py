"""Rows of the operator table against golden in Verilator, by the generic cocotb bench."""

import pytest

from hw.verilog import emit
from sim.operators import OPERATORS, operator
from sim.row import GRID
from sim.runner import run

CASES = [
    (name, point)
    for name, row in OPERATORS.items()
    for point, chosen in row.points.items()
    if chosen.quick
]
SEED = 40


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "point"), CASES)
def test_matches_golden(name, point, tmp_path):
    row = operator(name)
    cases = run(
        emit(row.component(row.point(point))),
        "sim.benches.operator",
        tmp_path,
        seed=SEED,
        plusargs={"operator": name, "point": point, "count": 4 * row.count},
    )
    assert len(cases) == len(GRID)


def test_every_row_has_a_quick_point():
    assert {name for name, _ in CASES} == set(OPERATORS)


def test_unknown_names_are_told():
    with pytest.raises(ValueError, match="no operator 'adder': use one of buffer"):
        operator("adder")
    with pytest.raises(ValueError, match="no point 'p': use one of row"):
        operator("buffer").point("p")
