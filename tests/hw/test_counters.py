# amaranth: UnusedElaboratable=no
"""Counters of many events in one memory: exact at any time, whatever happens how often."""

import numpy as np
import pytest
from amaranth.sim import Simulator
from memory_models import run

from hw.accelerator.counters import Counters

EVENTS, WIDTH = 8, 6


def bench(body, cycles=5000):
    """Run ``body(counters, ctx, after)``; ``after()`` is a cycle later and gives what was told."""
    counters = Counters(EVENTS, WIDTH)
    simulator = Simulator(counters)
    simulator.add_clock(1e-6)

    async def wrapped(ctx):
        async def after():
            _, _, told, count = await ctx.tick().sample(counters.told, counters.count)
            return count if told else None

        await body(counters, ctx, after)

    simulator.add_testbench(wrapped)
    run(simulator, cycles)


@pytest.mark.parametrize("chance", [1.0, 0.9, 0.3, 0.02])
@pytest.mark.parametrize("seed", range(2))
def test_a_count_is_what_it_was_a_cycle_ago(seed, chance):
    async def body(counters, ctx, after):
        rng = np.random.default_rng(seed)
        counts, history = np.zeros(EVENTS, int), [np.zeros(EVENTS, int)]
        clears = rng.choice(2000, 12, replace=False)
        asked, waits, wraps, seen, waited, cleared = 0, 0, 0, 0, set(), False
        ctx.set(counters.wanted, 1)
        for cycle in range(2000):
            happens, clear = rng.random(EVENTS) < chance, cycle in clears
            ctx.set(counters.clear, int(clear))
            ctx.set(counters.happens, sum(1 << int(event) for event in np.flatnonzero(happens)))
            ctx.set(counters.event, asked)
            # Counts as they were a cycle ago, which is what the memory's turn has come to.
            before = np.zeros(EVENTS, int) if cleared or not cycle else history[-2]
            overflows = False
            if cycle % EVENTS == 1:
                # The first turn after a reset is that of event 0.
                wraps, overflows = before[0] >> WIDTH, before[0] >> WIDTH > wraps
            assert ctx.get(counters.overflows) == overflows
            seen += overflows
            count = await after()
            waits += 1
            if count is not None:
                assert count == before[asked] % (1 << WIDTH)
                waited.add(waits)
                asked, waits = int(rng.integers(EVENTS)), 0
            if clear:
                wraps = 0
            counts, cleared = (counts + happens) * (not clear), clear
            history.append(counts)
        # Of the cycles in which a count is asked for, it is told in the second at the soonest.
        assert waited == set(range(2, EVENTS + 2))
        assert chance < 0.5 or seen > 10

    bench(body)


def test_a_clear_forgets_what_is_on_its_way():
    async def body(counters, ctx, after):
        for happening in range(1, 40):
            ctx.set(counters.happens, (1 << EVENTS) - 1)
            ctx.set(counters.clear, 0)
            for _ in range(happening):
                await after()
            ctx.set(counters.happens, 0)
            ctx.set(counters.clear, 1)
            await after()
            ctx.set(counters.clear, 0)
            ctx.set(counters.wanted, 1)
            for event in range(EVENTS):
                ctx.set(counters.event, event)
                while (count := await after()) is None:
                    pass
                assert count == 0
            ctx.set(counters.wanted, 0)

    bench(body)


@pytest.mark.parametrize("events", [0, 4, 12, 128])
def test_events_must_be_a_power_of_two(events):
    with pytest.raises(ValueError, match=f"8, 16, 32 or 64, not {events}"):
        Counters(events, WIDTH)


def test_a_count_must_have_bits_in_memory():
    with pytest.raises(ValueError, match="width must be above 4, not 4"):
        Counters(8, 4)
