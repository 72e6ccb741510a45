"""Each bench fails on each fault that it is there to find."""

import re

import pytest

from hw.verilog import emit
from sim import native
from sim.fast import FastSimulator
from sim.operators import operator
from sim.row import GRID, Mismatch
from sim.runner import BenchError, run
from sim.traffic import StreamError
from tests.sim import broken

FAULTS = {
    "ready tied high": ("buffer", broken.ReadyTiedHigh, "o.payload changed before the transfer"),
    "payload not held": ("buffer", broken.PayloadNotHeld, "o.payload changed before the transfer"),
    "valid not held": ("buffer", broken.ValidNotHeld, "o.valid fell before the transfer"),
    "valid waits": ("buffer", broken.ValidWaitsForReady, "o.valid waited for ready"),
    "last beat twice": ("buffer", broken.LastBeatTwice, "o gave more than 100 beats"),
    "hanging": ("buffer", broken.Hanging, "o moved 50 of 100 beats (valid 0"),
    "late": ("buffer", broken.OneCycleLate, "o: beat 0 moved in cycle 2, not 1"),
    "rounding dropped": ("requantizer", broken.RoundingDropped, "beats differ"),
    "weights in the way": ("macro", broken.WeightsInTheWay, "beats differ"),
}
POINTS = {"buffer": "row", "requantizer": "default", "macro": "fixed"}
VERILATED = ("ready tied high", "valid waits", "rounding dropped")


def create(fault):
    name, component, message = FAULTS[fault]
    row = operator(name)
    point = row.point(POINTS[name])
    sample = row.component(point)
    sample._MustUse__used = True
    arguments = {
        "buffer": lambda: component(sample.shape),
        "requantizer": lambda: component(sample.spec, lanes=sample.lanes, tag_bits=sample.tag_bits),
        "macro": lambda: component(sample.spec, sample.plan),
    }
    return row, point, arguments[name](), re.escape(message)


def verify_all(row, point, simulate):
    # Without pauses at the end: late answers are wrong there alone, and other faults come first.
    for seed, traffic in enumerate(reversed(GRID)):
        row.verify(point, simulate, seed=seed, traffic=traffic)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", FAULTS)
def test_fast_loop(fault):
    row, point, component, message = create(fault)
    with pytest.raises((Mismatch, StreamError), match=message):
        verify_all(row, point, FastSimulator(component).run)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", VERILATED)
def test_native(fault):
    row, point, component, message = create(fault)
    with pytest.raises((Mismatch, StreamError), match=message):
        verify_all(row, point, native.build(component).run)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", VERILATED)
def test_cocotb(fault, tmp_path):
    *_, component, message = create(fault)
    names = {"operator": FAULTS[fault][0], "point": POINTS[FAULTS[fault][0]]}
    with pytest.raises(BenchError, match=message):
        run(emit(component), "sim.benches.operator", tmp_path, seed=1, plusargs=names)
