import pytest

from hw.stream import Queue
from hw.verilog import emit
from sim.runner import BenchError, run


@pytest.mark.timeout(300)
def test_drivers(tmp_path):
    cases = run(emit(Queue(8, 4)), "tests.sim.stream_bench", tmp_path, seed=1)
    assert len(cases) == 3


@pytest.mark.timeout(300)
def test_missing_cases_are_a_failure(tmp_path):
    with pytest.raises(BenchError, match="failed 0 of 0 cases"):
        run(emit(Queue(8, 4)), "tests.sim.no_such_bench", tmp_path, seed=1)
