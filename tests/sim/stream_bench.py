"""cocotb cases for the drivers of ``sim.stream``, run on a queue of bytes by ``test_stream``."""

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge

from hw.stream import Queue
from sim.beats import pack, stream_ports, unpack
from sim.stream import receive, send, start, watch
from sim.traffic import StreamError

PORTS = stream_ports(queue := Queue(8, 4))
# Made for its ports only: the circuit is the simulator's.
queue._MustUse__used = True
VALUES = np.arange(40)
BEATS = pack(8, VALUES)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def sends_and_receives_in_parts(dut):
    await start(dut, PORTS.values())
    cocotb.start_soon(send(dut, PORTS["i"], BEATS, idle=0.3, seed=2))
    first = await receive(dut, PORTS["o"], 10, stall=0.4, seed=3)
    for _ in range(20):
        await FallingEdge(dut["clk"])
    rest = await receive(dut, PORTS["o"], 30)
    taken = unpack(8, np.concatenate([first, rest]))
    np.testing.assert_array_equal(taken, VALUES)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def says_which_stream_hangs(dut):
    await start(dut, PORTS.values())
    try:
        await receive(dut, PORTS["o"], 1, patience=50)
    except StreamError as error:
        assert "no transfer for 50 cycles: o moved 0 of 1 beats" in str(error)
    else:
        raise AssertionError("a queue gave what nobody had put in")


@cocotb.test(timeout_time=1, timeout_unit="ms", expect_error=StreamError)
async def watches_a_stream_that_another_drives(dut):
    await start(dut, PORTS.values())
    watching = cocotb.start_soon(watch(dut, "i"))
    for value in (1, 2):
        # The queue is full after four beats: the payload may not change any more.
        dut["i__valid"].value = 1
        dut["i__payload"].value = value
        for _ in range(6):
            await FallingEdge(dut["clk"])
    await watching
