"""Every row of the operator table against golden, in Amaranth's simulator."""

import pytest

from sim.fast import FastSimulator
from sim.operators import OPERATORS, operator
from sim.row import GRID

CASES = [(name, point) for name, row in OPERATORS.items() for point in row.points]
SEED = 20


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "point"), CASES)
def test_matches_golden(name, point):
    row = operator(name)
    chosen = row.point(point)
    simulator = FastSimulator(row.component(chosen))
    for offset, traffic in enumerate(GRID):
        row.verify(chosen, simulator.run, seed=SEED + offset, traffic=traffic)
