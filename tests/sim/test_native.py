"""The native loop: same results as the loops in Python, and its own files, errors and limits."""

import numpy as np
import pytest

from golden.spec import MacroSpec
from hw.macro.macro import Macro
from hw.stream import Queue
from hw.verilog import emit
from sim import native
from sim.beats import pack
from sim.operators import operator
from sim.row import GRID
from sim.traffic import StreamError

pytestmark = pytest.mark.timeout(300)

COUNT = 2_000
WIDE = 200
BEATS = pack(8, np.arange(50))


@pytest.fixture(scope="module")
def queue():
    return native.build(Queue(8, 4))


@pytest.mark.parametrize(("name", "point"), [("fork", "three"), ("macro", "pairs-default")])
def test_matches_golden(name, point):
    row = operator(name)
    chosen = row.point(point)
    simulator = native.build(row.component(chosen))
    for seed, traffic in enumerate(GRID):
        row.verify(chosen, simulator.run, seed=seed, traffic=traffic, count=COUNT)


def test_same_seed_same_cycles(queue):
    runs = [queue.run({"i": BEATS}, {"o": 50}, idle=0.4, stall=0.4, seed=s) for s in (5, 5, 6)]
    assert runs[0].cycles["o"].tolist() == runs[1].cycles["o"].tolist()
    assert runs[0].cycles["o"].tolist() != runs[2].cycles["o"].tolist()


def test_pauses_have_their_share(queue):
    beats = pack(8, np.arange(20_000) % 256)
    for share in (0.2, 0.8):
        for burst in (1, 8):
            paused = queue.run({"i": beats}, {"o": 20_000}, idle=share, burst=burst)
            assert 20_000 / paused.total == pytest.approx(1 - share, abs=0.04)


def test_offers_come_before_transfers(queue):
    free, stalled = (queue.run({"i": BEATS}, {"o": 50}, stall=share) for share in (0.0, 0.5))
    assert np.array_equal(free.offered["o"], free.cycles["o"])
    assert (stalled.offered["o"] <= stalled.cycles["o"]).all()
    assert (stalled.offered["o"][1:] > stalled.cycles["o"][:-1]).all()


def test_nothing_is_left_of_an_aborted_run(queue):
    whole, after = (
        queue.run({"i": BEATS}, {"o": 50}, idle=0.4, stall=0.4, aborted=n) for n in (0, 17)
    )
    assert np.array_equal(whole.beats["o"], after.beats["o"])
    assert whole.cycles["o"].tolist() == after.cycles["o"].tolist()
    component = Queue(8, 4)
    verilog = emit(component).replace("if (rst)", "if (1'h0)")
    unreset = native.build(component, verilog=verilog)
    unreset.run({"i": BEATS}, {"o": 50}, stall=0.4)
    with pytest.raises(StreamError, match="o gave more than 50 beats"):
        unreset.run({"i": BEATS}, {"o": 50}, stall=0.4, aborted=17)


def test_after_orders_streams(queue):
    needed = np.maximum(np.arange(50) - 1, 0)
    result = queue.run({"i": BEATS}, {"o": 50}, after={"i": {"o": needed}})
    assert (result.cycles["i"][2:] > result.cycles["o"][:-2]).all()


def test_too_many_and_too_few_beats(queue):
    with pytest.raises(StreamError, match="cycle 50: o gave more than 49 beats"):
        queue.run({"i": BEATS}, {"o": 49})
    with pytest.raises(StreamError, match="no transfer for 500 cycles: i moved 50 of 50 beats"):
        queue.run({"i": BEATS}, {"o": 51}, patience=500)


def test_nothing_to_do(queue):
    result = queue.run({}, {})
    assert result.beats["o"].shape == (0, 4)


def test_bad_runs_are_named(queue, tmp_path):
    with pytest.raises(ValueError, match="'x' is no input stream"):
        queue.run({"x": BEATS}, {})
    with pytest.raises(ValueError, match=r"no plain input 'mutsel': use one of \[\]"):
        queue.run({}, {}, settings={"mutsel": 1})
    with pytest.raises(RuntimeError, match="this build writes no waveforms"):
        queue.run({}, {}, waves=tmp_path / "run.vcd")


def test_limit_ends_a_run(queue):
    with pytest.raises(TimeoutError, match=r"more than 0\.5 s"):
        queue.run({"i": BEATS}, {"o": 51}, patience=1 << 40, limit_seconds=0.5)


def test_waveforms_of_a_failing_run_are_whole(tmp_path):
    simulator = native.build(Queue(8, 4), "queue", waves=True)
    file = tmp_path / "run.vcd"
    with pytest.raises(StreamError):
        simulator.run({"i": BEATS}, {"o": 51}, patience=100, waves=file)
    text = file.read_text()
    assert "i__payload" in text and "\n#1500\n" in text


def test_speed():
    # The loop must not be what a long run waits for: ten times slower than this is a fault.
    spec = MacroSpec(columns=2)
    simulator = native.build(Macro(spec))
    count = 200_000
    vectors = pack(
        simulator.ports["i"].shape,
        {
            "data": np.random.default_rng(1).integers(0, 256, (count, 1, spec.lanes)),
            "set": np.zeros(count, int),
            "signed": np.zeros(count, int),
        },
    )
    result = simulator.run({"i": vectors}, {"o": count})
    assert result.total == count + 2
    assert result.total / result.seconds > 100_000
