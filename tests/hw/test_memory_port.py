# amaranth: UnusedElaboratable=no
"""The memory port: every word, every client, legal bursts, full bandwidth, faults."""

import numpy as np
import pytest
from amaranth.sim import Simulator
from memory_models import AxiMemory, run, sender, taker

from hw.accelerator.faults import Fault
from hw.accelerator.memory_port import READERS, MemoryPort

WORD = 16
SIZE = 1 << 14
BASE = 3 << 12
GIVEN = 11
"""Words of a client that stops in the middle of a burst."""


def start(bus_bytes=WORD, size=SIZE, **options):
    """A port, its simulator and its memory."""
    port = MemoryPort(WORD, bus_bytes)
    simulator = Simulator(port)
    simulator.add_clock(1e-6)
    memory = AxiMemory(port.bus, SIZE, base=BASE, **options)
    memory.attach(simulator)

    async def settings(ctx):
        ctx.set(port.base, BASE)
        ctx.set(port.size, size)

    simulator.add_testbench(settings)
    return port, simulator, memory


def words_of(data, requests):
    """Words that ``requests`` ask for, as integers."""
    return [
        int.from_bytes(data[one : one + WORD], "little")
        for request in requests
        for one in range(request["address"], request["address"] + WORD * request["words"], WORD)
    ]


def draw_requests(rng, count, longest=50):
    """Requests of every length at any word."""
    requests = []
    for _ in range(count):
        words = int(rng.integers(1, rng.choice([2, 5, longest])))
        place = int(rng.integers(0, SIZE // WORD - words + 1))
        requests.append({"address": place * WORD, "words": words})
    return requests


@pytest.mark.parametrize("bus_bytes", [16, 8, 2])
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_words_are_read_in_order(bus_bytes, stall):
    rng = np.random.default_rng(bus_bytes)
    port, simulator, memory = start(bus_bytes, latency=9, stall=stall)
    expected, found = {}, {}
    for name in READERS:
        requests = draw_requests(rng, 40 * bus_bytes // WORD + 3)
        expected[name], found[name] = words_of(memory.data, requests), []
        client = getattr(port, name)
        simulator.add_testbench(sender(client.requests, requests, rng, stall))
        count = len(expected[name])
        simulator.add_testbench(taker(client.words, count, found[name], rng, stall))
    run(simulator, 30_000)
    assert found == expected


@pytest.mark.parametrize("bus_bytes", [16, 4])
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_words_are_written_and_told_of(bus_bytes, stall):
    rng = np.random.default_rng(bus_bytes)
    port, simulator, memory = start(bus_bytes, latency=9, stall=stall)
    requests = [one | {"last": int(rng.integers(2))} for one in draw_requests(rng, 12)]
    requests[-1]["last"] = 1
    expected, words = bytearray(memory.data), []
    states = []
    for one in requests:
        for place in range(one["words"]):
            word = rng.bytes(WORD)
            words.append(int.from_bytes(word, "little"))
            begin = one["address"] + place * WORD
            expected[begin : begin + WORD] = word
        if one["last"]:
            states.append((one["address"], bytes(expected)))
    simulator.add_testbench(sender(port.store.requests, requests, rng, stall))
    simulator.add_testbench(sender(port.store.words, words, rng, stall))

    async def told(ctx):
        for _ in states:
            await ctx.tick().until(port.store.written)
        for _ in range(60):
            assert not ctx.get(port.store.written)
            await ctx.tick()

    simulator.add_testbench(told)
    run(simulator, 30_000)
    assert memory.data == expected


def test_written_comes_after_memory_has_answered():
    port, simulator, memory = start(latency=30)
    rng = np.random.default_rng(1)
    requests = [{"address": 64, "words": 20, "last": 1}]
    words = [int(one) for one in rng.integers(0, 1 << 60, 20)]
    simulator.add_testbench(sender(port.store.requests, requests, rng))
    simulator.add_testbench(sender(port.store.words, words, rng))

    async def told(ctx):
        await ctx.tick().until(port.store.written)
        assert words_of(memory.data, requests) == words
        assert memory.cycle >= 50

    simulator.add_testbench(told)
    run(simulator, 1000)


@pytest.mark.parametrize(("bus_bytes", "latency"), [(16, 40), (16, 5), (4, 40), (2, 40)])
def test_a_long_read_takes_one_beat_per_cycle(bus_bytes, latency):
    port, simulator, memory = start(bus_bytes, latency=latency)
    rng = np.random.default_rng(1)
    count = 400 if bus_bytes == WORD else 100
    requests = [{"address": 5 * WORD, "words": count // 2}] * 2
    found = []
    simulator.add_testbench(sender(port.weights.requests, requests, rng))
    simulator.add_testbench(taker(port.weights.words, count, found, rng))
    run(simulator, 5000)
    beats = count * WORD // bus_bytes
    assert memory.read_cycles[-1] - memory.read_cycles[0] <= beats + 2


def test_short_reads_take_one_beat_per_cycle():
    port, simulator, memory = start(latency=40)
    rng = np.random.default_rng(1)
    requests = [{"address": 2 * WORD * one, "words": 1} for one in range(400)]
    found = []
    simulator.add_testbench(sender(port.load.requests, requests, rng))
    simulator.add_testbench(taker(port.load.words, 400, found, rng))
    run(simulator, 5000)
    assert memory.read_cycles[-1] - memory.read_cycles[0] <= 405


def test_a_long_write_takes_one_beat_per_cycle():
    port, simulator, _ = start(latency=40)
    rng = np.random.default_rng(1)
    requests = [{"address": 5 * WORD, "words": 400, "last": 1}]
    simulator.add_testbench(sender(port.store.requests, requests, rng))
    simulator.add_testbench(sender(port.store.words, range(400), rng))

    async def told(ctx):
        await ctx.tick().until(port.store.written)

    simulator.add_testbench(told)
    run(simulator, 400 + 40 + 30)


def test_no_client_holds_up_another_and_none_loses_a_word():
    port, simulator, memory = start()
    rng = np.random.default_rng(1)
    # Bursts that begin inside a block of 16 beats: a queue is not filled by whole ones.
    requests = [{"address": 5 * WORD, "words": 300}]
    found = {name: [] for name in READERS}
    for name in READERS:
        simulator.add_testbench(sender(getattr(port, name).requests, requests, rng))
    weights = taker(port.weights.words, 300, found["weights"], rng)

    async def one_after_the_other(ctx):
        await weights(ctx)
        await taker(port.load.words, 300, found["load"], rng)(ctx)
        await taker(port.fetch.words, 300, found["fetch"], rng)(ctx)

    simulator.add_testbench(one_after_the_other)
    run(simulator, 1500)
    expected = words_of(memory.data, requests)
    assert found == dict.fromkeys(READERS, expected)


OUTSIDE = [
    ({"address": SIZE - 2 * WORD, "words": 3}, SIZE),
    ({"address": SIZE, "words": 1}, SIZE),
    ({"address": 0xFFFFFFF0, "words": 2}, SIZE),
    ({"address": 8, "words": 1}, SIZE),
    ({"address": 64, "words": 1}, 79),
]


@pytest.mark.parametrize(("request_", "size"), OUTSIDE)
@pytest.mark.parametrize("client", ["load", "store"])
def test_a_request_outside_memory_is_a_fault(request_, size, client):
    port, simulator, memory = start(size=size)
    given = request_ | ({"last": 1} if client == "store" else {})

    async def bench(ctx):
        stream = getattr(port, client).requests
        ctx.set(stream.payload, given)
        ctx.set(stream.valid, 1)
        await ctx.tick().until(stream.ready)
        ctx.set(stream.valid, 0)
        await ctx.tick().repeat(30)
        assert ctx.get(port.fault) == Fault.MEMORY
        assert not memory.bursts

    simulator.add_testbench(bench)
    run(simulator, 1000)


def test_the_last_word_of_memory_can_be_read():
    port, simulator, memory = start()
    rng = np.random.default_rng(1)
    requests, found = [{"address": SIZE - 2 * WORD, "words": 2}], []
    simulator.add_testbench(sender(port.load.requests, requests, rng))
    simulator.add_testbench(taker(port.load.words, 2, found, rng))
    run(simulator, 1000)
    assert found == words_of(memory.data, requests)


@pytest.mark.parametrize(("kind", "code"), [("read", Fault.READ), ("write", Fault.WRITE)])
def test_errors_of_the_bus_are_faults(kind, code):
    port, simulator, memory = start(latency=3)
    memory.read_error = memory.write_error = 2
    rng = np.random.default_rng(1)
    requests, found = [{"address": 0, "words": 64, "last": 1}], []
    if kind == "read":
        requests = [{"address": 0, "words": 64}]
        simulator.add_testbench(sender(port.load.requests, requests, rng))
        simulator.add_testbench(taker(port.load.words, 64, found, rng))
    else:
        simulator.add_testbench(sender(port.store.requests, requests, rng))
        simulator.add_testbench(sender(port.store.words, range(64), rng))

    async def bench(ctx):
        await ctx.tick().until(port.fault != 0)
        assert ctx.get(port.fault) == code

    simulator.add_testbench(bench)
    run(simulator, 1000)


def test_writes_have_ended_when_memory_has_answered():
    port, simulator, _ = start(latency=50)
    rng = np.random.default_rng(1)
    requests = [{"address": 0, "words": 4, "last": 1}]
    simulator.add_testbench(sender(port.store.requests, requests, rng))
    simulator.add_testbench(sender(port.store.words, range(4), rng))

    async def bench(ctx):
        assert ctx.get(port.drained)
        await ctx.tick().until(port.bus.aw.valid)
        waited = 0
        while not ctx.get(port.store.written):
            assert not ctx.get(port.drained)
            await ctx.tick()
            waited += 1
        await ctx.tick()
        assert waited > 50 and ctx.get(port.drained)

    simulator.add_testbench(bench)
    run(simulator, 500)


@pytest.mark.parametrize("when", [*range(1, 40, 6), 70, 100])
def test_a_halt_ends_what_was_begun_and_nothing_more(when):
    port, simulator, memory = start(4, latency=20, stall=0.3)
    rng = np.random.default_rng(when)
    forever = [{"address": 0, "words": 1000}]
    for stream in (port.load.requests, port.fetch.requests):
        simulator.add_testbench(sender(stream, forever, rng), background=True)
    simulator.add_testbench(taker(port.load.words, 1000, [], rng, 0.3), background=True)
    written = [{"address": 0, "words": 9, "last": 1}] * 3
    simulator.add_testbench(sender(port.store.requests, written, rng), background=True)

    # The client that writes stops in the middle of a burst.
    simulator.add_testbench(sender(port.store.words, range(GIVEN), rng), background=True)

    async def bench(ctx):
        await ctx.tick().repeat(when)
        ctx.set(port.halt, 1)
        await ctx.tick()
        await ctx.tick().until(port.drained)
        begun = len(memory.bursts)
        assert not ctx.get(port.bus.ar.valid) and not ctx.get(port.bus.aw.valid)
        beats = sum(count for kind, _, count in memory.bursts if kind == "read")
        assert len(memory.read_cycles) == beats
        written = sum(count for kind, _, count in memory.bursts if kind == "write")
        assert written * 4 <= GIVEN * WORD
        for _ in range(100):
            _, _, answered = await ctx.tick().sample(port.bus.b.valid)
            assert not answered
        assert len(memory.bursts) == begun and ctx.get(port.drained)

    simulator.add_testbench(bench)
    run(simulator, when + 2500)


@pytest.mark.parametrize(("word", "bus"), [(24, 8), (16, 12), (16, 32), (64, 2)])
def test_impossible_widths(word, bus):
    with pytest.raises(ValueError, match="bus_bytes"):
        MemoryPort(word, bus)
