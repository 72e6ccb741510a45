import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from hw.stream import Buffer, Fork, Queue
from sim.beats import pack
from sim.fast import FastSimulator, watch
from sim.traffic import Pauses, Rules, StreamError
from tests.sim.broken import PayloadNotHeld

BEATS = pack(8, np.arange(60))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("burst", [1, 8])
def test_pauses_have_their_share_and_length(share, burst):
    pauses = Pauses(np.random.default_rng(2), share, burst)
    drawn = np.array([pauses.draw() for _ in range(40_000)])
    assert drawn.mean() == pytest.approx(share, abs=0.06)
    ends = np.sum(drawn[:-1] & ~drawn[1:])
    assert drawn.sum() / ends == pytest.approx(burst / (1 - share), rel=0.15)


@pytest.mark.parametrize(("share", "burst"), [(1, 1), (-0.1, 1), (0.5, 0)])
def test_impossible_pauses_are_named(share, burst):
    with pytest.raises(ValueError, match=f"not {share} and {burst}"):
        Pauses(np.random.default_rng(0), share, burst)


def test_rules_allow_what_streams_may_do():
    rules = Rules("o")
    for cycle, step in enumerate([
        (0, 0, 5),
        (1, 0, 6),
        (1, 0, 6),
        (1, 1, 6),
        (1, 1, 7),
        (0, 1, 0),
    ]):
        rules.check(cycle, *step)


@pytest.mark.parametrize(
    ("step", "message"),
    [((0, 0, 6), "cycle 4: o.valid fell"), ((1, 1, 7), "o.payload changed .* from 0x6 to 0x7")],
)
def test_rules_find_what_they_may_not(step, message):
    rules = Rules("o")
    rules.check(3, 1, 0, 6)
    with pytest.raises(StreamError, match=message):
        rules.check(4, *step)


def test_same_seed_same_cycles():
    simulator = FastSimulator(Queue(8, 3))
    runs = [
        simulator.run({"i": BEATS}, {"o": 60}, idle=0.4, stall=0.4, seed=seed) for seed in (5, 5, 6)
    ]
    assert runs[0].cycles["o"].tolist() == runs[1].cycles["o"].tolist()
    assert runs[0].cycles["o"].tolist() != runs[2].cycles["o"].tolist()


def test_after_orders_streams():
    fork = FastSimulator(Fork(8, 2))
    needed = np.maximum(np.arange(60) - 2, 0)
    result = fork.run(
        {"i": BEATS}, {"o__0": 60, "o__1": 60}, after={"i": {"o__1": needed}}, stall=0.5
    )
    assert (result.cycles["i"][2:] > result.cycles["o__1"][:-2]).sum() >= 57


@pytest.mark.parametrize(
    ("inputs", "outputs", "options", "message"),
    [
        ({"x": BEATS}, {"o": 60}, {}, r"'x' is no input stream: use one of \['i'\]"),
        ({"o": BEATS}, {}, {}, "'o' is no input stream"),
        ({"i": BEATS}, {"i": 60}, {}, "'i' is no output stream"),
        ({"i": BEATS[:, :2]}, {"o": 60}, {}, r"must be uint8 of shape \(N, 4\), not uint8"),
        ({"i": BEATS}, {"o": 60}, {"after": {"i": {"y": 1}}}, "'y' is no stream"),
        ({"i": BEATS}, {"o": 60}, {"idle": 1.0}, "need 0 <= share < 1"),
    ],
)
def test_bad_runs_are_named(inputs, outputs, options, message):
    simulator = FastSimulator(Buffer(8))
    with pytest.raises(ValueError, match=message):
        simulator.run(inputs, outputs, **options)


def test_silence_ends_in_a_time_out():
    simulator = FastSimulator(Buffer(8))
    with pytest.raises(StreamError, match="no transfer for 100 cycles: i moved 60 of 60 beats"):
        simulator.run({"i": BEATS}, {"o": 61}, patience=100)


def test_waveforms_are_written(tmp_path):
    FastSimulator(Buffer(8)).run({"i": BEATS}, {"o": 60}, waves=tmp_path / "run.vcd")
    assert (tmp_path / "run.vcd").stat().st_size > 1000


def test_watch_checks_a_stream_inside():
    top = Module()
    top.domains.sync = ClockDomain()
    top.submodules.first = first = PayloadNotHeld(8)
    simulator = Simulator(top)
    simulator.add_clock(1e-6)

    async def drive(ctx):
        ctx.set(first.i.valid, 1)
        for value in range(5):
            ctx.set(first.i.payload, value)
            await ctx.tick()

    simulator.add_testbench(drive)
    watch(simulator, "first.o", first.o)
    with pytest.raises(StreamError, match=r"first\.o\.payload changed"):
        simulator.run()
