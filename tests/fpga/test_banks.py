"""The buffer with fewer banks than ports, as a small chip has it."""

import random
from typing import Any

import pytest
from amaranth.sim import Simulator

from hw.accelerator.buffer import BankedBuffer
from hw.accelerator.machine import MACHINES, Machine

WORDS, READS, WRITES = 32, 3, 2


def simulate(banks: int, seed: int) -> tuple[dict[int, list[int]], dict[int, list[int]], int]:
    """Write every word, then read at random through ports that pause; words, wanted, cycles."""
    drawn = random.Random(seed)
    buffer = BankedBuffer(WORDS, 8, reads=READS, writes=WRITES, banks=banks)
    content = [drawn.getrandbits(64) for _ in range(WORDS)]
    asked = {port: [drawn.randrange(WORDS) for _ in range(80)] for port in range(READS)}
    seen: dict[int, list[int]] = {port: [] for port in range(READS)}
    state = {"written": 0, "begin": 0, "cycle": 0, "end": 0}

    def writer(port: int) -> Any:
        async def process(ctx: Any) -> None:
            requests = buffer.writes[port].requests
            for address in range(port, WORDS, WRITES):
                ctx.set(requests.payload, {"address": address, "data": content[address]})
                ctx.set(requests.valid, 1)
                await ctx.tick().until(requests.ready)
                ctx.set(requests.valid, 0)
                state["written"] += 1

        return process

    def asker(port: int) -> Any:
        async def process(ctx: Any) -> None:
            requests = buffer.reads[port].requests
            while state["written"] < WORDS:
                await ctx.tick()
            for address in asked[port]:
                ctx.set(requests.payload, address)
                ctx.set(requests.valid, 1)
                await ctx.tick().until(requests.ready)
            ctx.set(requests.valid, 0)

        return process

    def taker(port: int) -> Any:
        async def process(ctx: Any) -> None:
            words, pauses = buffer.reads[port].words, random.Random(port)
            while len(seen[port]) < len(asked[port]):
                ready = pauses.random() < 0.9
                ctx.set(words.ready, ready)
                _, _, valid, word = await ctx.tick().sample(words.valid, words.payload)
                if ready and valid:
                    seen[port].append(word)
            ctx.set(words.ready, 0)

        return process

    async def clock(ctx: Any) -> None:
        while any(len(seen[port]) < len(asked[port]) for port in range(READS)):
            await ctx.tick()
            state["cycle"] += state["written"] == WORDS
            assert state["cycle"] < 2000, "the buffer hangs"

    simulator = Simulator(buffer)
    simulator.add_clock(1e-6)
    for port in range(WRITES):
        simulator.add_testbench(writer(port))
    for port in range(READS):
        simulator.add_testbench(asker(port))
        simulator.add_testbench(taker(port))
    simulator.add_testbench(clock)
    simulator.run()
    wanted = {port: [content[address] for address in asked[port]] for port in range(READS)}
    return seen, wanted, state["cycle"]


@pytest.mark.parametrize("banks", [1, 2, 8])
def test_every_port_gets_its_words_in_order(banks):
    seen, wanted, _ = simulate(banks, seed=banks)
    assert seen == wanted


def test_one_bank_gives_a_word_a_cycle_and_more_give_more():
    words = READS * 80
    cycles = {banks: simulate(banks, seed=7)[2] for banks in (1, 8)}
    assert words <= cycles[1] <= words + 20
    assert cycles[8] < words / 2


def test_a_write_that_has_ended_is_read():
    """All ports write into one bank as fast as they can; reads are asked for as pulses come."""
    buffer = BankedBuffer(WORDS, 8, reads=1, writes=6, banks=1)
    ended: list[tuple[int, int]] = []
    found = []

    def writer(port: int) -> Any:
        async def process(ctx: Any) -> None:
            requests = buffer.writes[port].requests
            for number in range(20):
                payload = {"address": port, "data": number, "ends": number % 3 == 0}
                ctx.set(requests.payload, payload)
                ctx.set(requests.valid, 1)
                await ctx.tick().until(requests.ready)
            ctx.set(requests.valid, 0)

        return process

    async def watcher(ctx: Any) -> None:
        counts, read = [0] * 6, buffer.reads[0]
        ctx.set(read.words.ready, 1)
        waiting: list[tuple[int, int]] = []
        for _ in range(600):
            if ended:
                ctx.set(read.requests.payload, ended[0][0])
            ctx.set(read.requests.valid, bool(ended))
            _, _, ready, valid, word, *pulses = await ctx.tick().sample(
                read.requests.ready,
                *(read.words.valid, read.words.payload),
                *(port.ended for port in buffer.writes),
            )
            if ended and ready:
                waiting.append(ended.pop(0))
            if valid:
                found.append((*waiting.pop(0), word))
            for port, pulse in enumerate(pulses):
                if pulse:
                    ended.append((port, 3 * counts[port]))
                    counts[port] += 1

    simulator = Simulator(buffer)
    simulator.add_clock(1e-6)
    for port in range(6):
        simulator.add_testbench(writer(port), background=True)
    simulator.add_testbench(watcher)
    simulator.run()
    assert len(found) == 6 * 7
    assert all(word >= number for _, number, word in found)


def test_banks_that_there_are_not_are_told():
    with pytest.raises(ValueError, match="banks must be 1, 2, 4, 8 or 16, not 3"):
        Machine(word_bytes=8, cores=1, buffer_words=64, key_block=4, head_size=8, banks=3)
    assert {machine.banks for machine in MACHINES.values()} == {8}
