# amaranth: UnusedElaboratable=no
"""Stream primitives: construction, throughput and what they hold; the table tests the rest."""

import numpy as np
import pytest
from amaranth.hdl import unsigned
from amaranth.lib import data

from hw.accelerator.relay import Relay
from hw.stream import Buffer, Fork, Join, Queue
from sim.beats import pack, stream_ports
from sim.fast import FastSimulator

PAIR = data.StructLayout({"sample": data.ArrayLayout(unsigned(3), 2), "last": 1})


@pytest.mark.parametrize("depth", [0, -1, 1.5, None])
def test_queue_rejects_depth(depth):
    with pytest.raises(ValueError, match=f"depth must be a positive integer, not {depth}"):
        Queue(8, depth)


@pytest.mark.parametrize("count", [0, "two"])
def test_fork_rejects_count(count):
    with pytest.raises(ValueError, match="count must be a positive integer"):
        Fork(8, count)


def test_join_rejects_nothing():
    with pytest.raises(ValueError, match="at least one stream"):
        Join({})


@pytest.mark.parametrize("shape", [1, unsigned(33), PAIR])
def test_any_payload_shape(shape):
    rng = np.random.default_rng(1)
    component = Buffer(shape)
    port = stream_ports(component)["i"]
    bits = rng.integers(0, 2, (50, 8 * port.bytes), np.uint8)
    bits[:, port.width :] = 0
    beats = np.packbits(bits, axis=-1, bitorder="little")
    result = FastSimulator(component).run({"i": beats}, {"o": 50}, idle=0.5, stall=0.5)
    np.testing.assert_array_equal(result.beats["o"], beats)


@pytest.mark.parametrize(("depth", "cycles"), [(1, 200), (2, 101), (7, 101)])
def test_queue_throughput(depth, cycles):
    beats = pack(8, np.arange(100))
    result = FastSimulator(Queue(8, depth)).run({"i": beats}, {"o": 100})
    assert result.total == cycles


@pytest.mark.parametrize("depth", [1, 2, 5, 8])
def test_queue_holds_depth(depth):
    simulator = FastSimulator(Queue(8, depth))
    result = simulator.run({"i": pack(8, np.arange(100))}, {"o": 100}, stall=0.8, burst=8, seed=4)
    given = np.searchsorted(result.cycles["o"], result.cycles["i"])
    assert (np.arange(1, 101) - given).max() == depth


def test_relay_is_full_speed_and_holds_two():
    beats = pack(8, np.arange(100))
    assert FastSimulator(Relay(8)).run({"i": beats}, {"o": 100}).total == 101
    result = FastSimulator(Relay(8)).run({"i": beats}, {"o": 100}, idle=0.2, stall=0.6, seed=4)
    np.testing.assert_array_equal(result.beats["o"], beats)
    given = np.searchsorted(result.cycles["o"], result.cycles["i"])
    assert (np.arange(1, 101) - given).max() == 2


def test_fork_lets_one_output_run_ahead_by_one():
    beats = pack(8, np.arange(20))
    result = FastSimulator(Fork(8, 2)).run(
        {"i": beats}, {"o__0": 20, "o__1": 20}, stall={"o__1": 0.8}
    )
    assert (result.cycles["o__0"] <= result.cycles["o__1"]).all()
    assert (result.cycles["o__0"][1:] > result.cycles["o__1"][:-1]).all()
    np.testing.assert_array_equal(result.cycles["i"], result.cycles["o__1"])
