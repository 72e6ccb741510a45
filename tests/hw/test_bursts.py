"""Requests of every length from every place of a block: its bursts, none of them empty."""

from itertools import product

from amaranth.sim import Simulator

from hw.accelerator.bursts import Bursts

WORD = 16


def expected(address, words, longest):
    while words:
        burst = min(words, longest - address // WORD % longest)
        words -= burst
        yield address, burst, int(not words)
        address += burst * WORD


def test_bursts_end_at_blocks_and_with_their_request():
    dut = Bursts(WORD, WORD)
    longest = dut.longest
    places = (0, 1, longest // 2, longest - 1)
    lengths = (1, 2, longest - 1, longest, longest + 1, 2 * longest, 2 * longest + 1)
    requests = [(place * WORD, words) for place, words in product(places, lengths)]
    wanted = [burst for request in requests for burst in expected(*request, longest)]
    told = []

    async def send(context):
        context.set(dut.size, 1 << 20)
        context.set(dut.i.valid, 1)
        for address, words in requests:
            context.set(dut.i.payload, {"address": address, "words": words, "last": 1})
            await context.tick().until(dut.i.ready)
        context.set(dut.i.valid, 0)

    async def receive(context):
        context.set(dut.o.ready, 1)
        while len(told) < len(wanted):
            burst, *_ = await context.tick().sample(dut.o.payload).until(dut.o.valid)
            told.append((burst.address, burst.words, burst.last))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send, background=True)
    simulator.add_testbench(receive)
    simulator.run_until(2000e-6)
    assert told == wanted
