"""Softmax takes and gives a beat in every cycle while rows of equal length follow each other."""

import numpy as np
import pytest

from golden.operator_spec import SoftmaxSpec, TopKSpec
from hw.ops.plan import MaxFinderPlan, SoftmaxPlan, TopKPlan
from hw.ops.softmax import Softmax
from hw.ops.softmax_divider import SoftmaxDivider
from hw.ops.top_k import TopK
from sim.fast import FastSimulator
from sim.operators import operator
from sim.row import Point, Stimulus, pack_inputs
from sim.rows.softmax import beats_of

ROWS = 40


def cycles(name, component, point, length, lanes, outputs):
    """Cycles of every transfer of rows of one length, without pauses."""
    rng = np.random.default_rng(length)
    bits = 10 if name != "top_k" else point.spec.input_bits
    rows = [(rng.integers(-1 << (bits - 1), 1 << (bits - 1), length), np.ones(length, bool))] * ROWS
    stimulus = Stimulus(inputs={"i": beats_of(rows, lanes)}, outputs=outputs)
    inputs = pack_inputs(operator(name).ports(point), stimulus)
    run = FastSimulator(component).run
    return run(inputs, stimulus.outputs, idle=0.0, stall=0.0, burst=1.0, seed=1, after={}).cycles


@pytest.mark.parametrize(
    ("name", "kind"), [("softmax", Softmax), ("softmax_divider", SoftmaxDivider)]
)
@pytest.mark.parametrize(("length", "groups"), [(4, 1), (12, 1), (64, 1), (64, 4), (48, 4)])
def test_a_beat_a_cycle(name, kind, length, groups):
    spec = SoftmaxSpec(score_bits=10)
    plan = SoftmaxPlan(max_finder=MaxFinderPlan(lanes=4), output_groups=groups, longest=64)
    beats = -(-length // 4)
    wide = -(-beats // groups)
    point = Point(spec=spec, plan=plan)
    outputs = {"o": ROWS * wide, "largest": ROWS}
    found = cycles(name, kind(spec, plan), point, length, 4, outputs)
    assert (np.diff(found["i"]) == 1).all()
    # A row leaves as long after the one before it as it came.
    assert (np.diff(found["o"][::wide]) == beats).all()
    assert (np.diff(found["largest"]) == beats).all()
    assert found["o"][0] - found["i"][0] == 2 * beats + kind.latency(spec, plan)


def test_top_k_takes_an_element_a_cycle():
    spec, plan = TopKSpec(k=5), TopKPlan(longest=20)
    point = Point(spec=spec, plan=plan)
    found = cycles("top_k", TopK(spec, plan), point, 7, 1, {"o": 5 * ROWS})
    assert (np.diff(found["i"]) == 1).all()
    assert (np.diff(found["o"][::5]) == 7).all()
