"""Requests of every length from every place of a block: its bursts, none of them empty."""

import random
from itertools import product

from amaranth.sim import Simulator

from hw.accelerator.bursts import Bursts

WORD = 16
SIZE = 1 << 19
CYCLES = 600


def expected(address, words, last, longest):
    while words:
        burst = min(words, longest - address // WORD % longest)
        words -= burst
        yield address, burst, int(last and not words)
        address += burst * WORD


def test_bursts_end_at_blocks_and_with_their_request():
    """Whether a request asks to be told or not; those outside of memory have none."""
    dut = Bursts(WORD, WORD)
    drawn, longest = random.Random(0), dut.longest
    places = (0, 1, longest // 2, longest - 1)
    lengths = (0, 1, 2, longest - 1, longest, longest + 1, 2 * longest, 2 * longest + 1)
    inside = [
        (place * WORD, words, last) for place, words, last in product(places, lengths, (0, 1))
    ]
    inside += [(SIZE - words * WORD, words, 1) for words in lengths]
    outside = [(SIZE, 1, 1), (SIZE - WORD, 2, 0), (WORD // 2, 1, 1), (0, SIZE // WORD + 1, 0)]
    requests = inside + outside
    drawn.shuffle(requests)
    wanted = [
        burst for request in requests if request in inside for burst in expected(*request, longest)
    ]
    told, refused = [], 0

    async def send(context):
        context.set(dut.size, SIZE)
        for address, words, last in requests:
            while drawn.random() < 0.2:
                await context.tick()
            context.set(dut.i.payload, {"address": address, "words": words, "last": last})
            context.set(dut.i.valid, 1)
            await context.tick().until(dut.i.ready)
            context.set(dut.i.valid, 0)

    async def receive(context):
        nonlocal refused
        for _ in range(CYCLES):
            ready = drawn.random() < 0.7
            context.set(dut.o.ready, ready)
            _, _, valid, burst, wrong = await context.tick().sample(
                dut.o.valid, dut.o.payload, dut.outside
            )
            refused += wrong
            if ready and valid:
                told.append((burst.address, burst.words, burst.last))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send)
    simulator.add_testbench(receive)
    simulator.run()
    assert told == wanted
    assert refused == len(outside)
