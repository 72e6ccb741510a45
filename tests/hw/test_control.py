"""The control registers: access, the course of a program, faults, watchdog, counters."""

from itertools import pairwise

import numpy as np
import pytest
from amaranth.sim import Simulator
from memory_models import run

from hw.accelerator import registers as table
from hw.accelerator.axi import OKAY, SLAVE_ERROR
from hw.accelerator.control import Control
from hw.accelerator.counters import Counters
from hw.accelerator.faults import Fault
from hw.accelerator.layout import UNITS
from sim.fast import watch

PARTS = 9
OFFSETS = table.offsets()


class Processor:
    """Reads and writes registers, with pauses on every channel."""

    def __init__(self, ctx, bus, rng):
        self.ctx, self.bus, self.rng = ctx, bus, rng

    async def pause(self):
        while self.rng.random() < 0.4:
            await self.ctx.tick()

    async def read(self, name, response=OKAY):
        """Value of a register by name or offset."""
        ctx, bus = self.ctx, self.bus
        await self.pause()
        ctx.set(bus.ar.p.addr, OFFSETS.get(name, name))
        ctx.set(bus.ar.valid, 1)
        await ctx.tick().until(bus.ar.ready)
        ctx.set(bus.ar.valid, 0)
        await self.pause()
        ctx.set(bus.r.ready, 1)
        (answer,) = await ctx.tick().sample(bus.r.payload).until(bus.r.valid)
        ctx.set(bus.r.ready, 0)
        assert answer.resp == response
        return answer.data

    async def write(self, name, value, response=OKAY, strobe=15):
        """Write a register by name or offset; address and data in either order."""
        ctx, bus = self.ctx, self.bus
        ctx.set(bus.aw.p.addr, OFFSETS.get(name, name))
        ctx.set(bus.w.payload, {"data": value, "strb": strobe})
        channels = [bus.aw, bus.w]
        self.rng.shuffle(channels)
        ctx.set(channels[0].valid, 1)
        await self.pause()
        ctx.set(channels[1].valid, 1)
        await ctx.tick().until(bus.aw.ready & bus.w.ready)
        ctx.set(bus.aw.valid, 0)
        ctx.set(bus.w.valid, 0)
        await self.pause()
        ctx.set(bus.b.ready, 1)
        (given,) = await ctx.tick().sample(bus.b.p.resp).until(bus.b.valid)
        ctx.set(bus.b.ready, 0)
        assert given == response

    async def status(self):
        """State, whether it drains, fault and its unit."""
        value = await self.read("status")
        return value & 3, value >> 2 & 1, value >> 4 & 15, value >> 8 & 15


def bench(body, seed=1, cycles=5000):
    """Run ``body(control, ctx, processor)`` on a control."""
    control = Control(configuration=0xC0FFEE11, word_bytes=64, cores=16, bus_bytes=32, parts=PARTS)
    simulator = Simulator(control)
    simulator.add_clock(1e-6)
    watch(simulator, "r", control.bus.r)
    watch(simulator, "b", control.bus.b)

    async def wrapped(ctx):
        await ctx.tick().until(control.resets == 0)
        await body(control, ctx, Processor(ctx, control.bus, np.random.default_rng(seed)))

    simulator.add_testbench(wrapped)
    run(simulator, cycles)


def test_the_machine_tells_what_it_is():
    async def body(control, ctx, processor):
        assert (await processor.read("magic")).to_bytes(4, "little") == b"CIMA"
        assert await processor.read("version") == table.VERSION
        assert await processor.read("configuration") == 0xC0FFEE11
        assert await processor.read("geometry") == 64 | 16 << 16 | 32 << 24

    bench(body)


@pytest.mark.parametrize("seed", range(3))
def test_registers_keep_what_is_written(seed):
    async def body(control, ctx, processor):
        rng = np.random.default_rng(seed)
        both = [one.name for one in table.registers() if one.access == "both"]
        values = {name: int(rng.integers(1 << 32)) for name in rng.permutation(both)}
        for name, value in values.items():
            await processor.write(name, value)
        for name, value in values.items():
            assert await processor.read(name) == value
        assert ctx.get(control.program) == values["program"]
        assert ctx.get(control.memory_base) == values["memory_base"]
        assert ctx.get(control.memory_size) == values["memory_size"]
        assert [ctx.get(one) for one in control.arguments] == [
            values[f"argument_{index}"] for index in range(1, 5)
        ]

    bench(body, seed)


def test_wrong_accesses_are_answered_with_an_error_and_do_nothing():
    async def body(control, ctx, processor):
        await processor.read(0xFFC, SLAVE_ERROR)
        await processor.write(0xFFC, 1, SLAVE_ERROR)
        await processor.write("magic", 1, SLAVE_ERROR)
        await processor.write("watchdog", 1, SLAVE_ERROR, strobe=7)
        assert await processor.read("watchdog") == 1 << 20

    bench(body)


def test_a_program_runs_once_and_raises_the_interrupt():
    async def body(control, ctx, processor):
        ctx.set(control.drained, 1)
        await processor.write("interrupt_enable", 1)
        await processor.write("control", 1)
        assert await processor.status() == (table.RUNNING, 0, 0, 0)
        assert ctx.get(control.run) and not ctx.get(control.interrupt)
        ctx.set(control.ended, 1)
        await ctx.tick()
        ctx.set(control.ended, 0)
        assert not ctx.get(control.run) and ctx.get(control.interrupt)
        seen = []
        while ctx.get(control.halt) or ctx.get(control.resets):
            seen.append((ctx.get(control.halt), ctx.get(control.resets)))
            await ctx.tick()
        # All parts are in reset together, before the bus is let go and any of them leaves it.
        enter = [(1, (1 << k) - 1) for k in range(PARTS + 1)]
        leave = [(0, (1 << PARTS) - (1 << k)) for k in range(PARTS)]
        assert seen == [(1, 0), *enter, *leave]
        assert await processor.status() == (table.DONE, 0, 0, 0)
        assert await processor.read("interrupt") == 1
        await processor.write("interrupt", 2)
        assert ctx.get(control.interrupt)
        await processor.write("interrupt", 1)
        assert not ctx.get(control.interrupt)

    bench(body)


def test_start_is_one_cycle_and_does_nothing_while_running():
    async def body(control, ctx, processor):
        ctx.set(control.drained, 1)
        starts = 0
        bus = control.bus
        ctx.set(bus.aw.p.addr, OFFSETS["control"])
        ctx.set(bus.w.payload, {"data": 1, "strb": 15})
        ctx.set(bus.aw.valid, 1)
        ctx.set(bus.w.valid, 1)
        ctx.set(bus.b.ready, 1)
        for _ in range(20):
            _, _, start, running = await ctx.tick().sample(control.start, control.run)
            starts += start
            assert not start or running
        assert starts == 1

    bench(body)


@pytest.mark.parametrize("unit", range(len(UNITS) + 1))
@pytest.mark.parametrize("code", [Fault.OPCODE, Fault.WRITE])
def test_a_fault_ends_a_program_and_the_next_start_waits_for_the_bus(unit, code):
    async def body(control, ctx, processor):
        await processor.write("interrupt_enable", 2)
        await processor.write("control", 1)
        ctx.set(control.faults[unit], code)
        await ctx.tick().repeat(2)
        assert not ctx.get(control.run) and ctx.get(control.interrupt) and ctx.get(control.halt)
        assert await processor.status() == (table.FAULT, 1, code, unit)
        await processor.write("interrupt", 2)
        await processor.write("control", 1)
        for _ in range(20):
            assert not ctx.get(control.run) and not ctx.get(control.resets)
            await ctx.tick()
        ctx.set(control.drained, 1)
        await ctx.tick().until(control.resets.all())
        ctx.set(control.faults[unit], 0)
        (resets,) = await ctx.tick().sample(control.resets).until(control.start)
        assert not resets
        assert await processor.status() == (table.RUNNING, 0, 0, 0)
        assert await processor.read("interrupt") == 0

    bench(body)


def test_a_reset_command_ends_a_program_with_a_fault():
    async def body(control, ctx, processor):
        stopped = (table.FAULT, 1, Fault.STOPPED, 0)
        await processor.write("interrupt_enable", 3)
        await processor.write("control", 1)
        await processor.write("control", 2)
        assert not ctx.get(control.run) and ctx.get(control.halt)
        assert await processor.status() == stopped
        assert await processor.read("interrupt") == 2
        await processor.write("interrupt", 2)
        # A second command stops nothing, unless a program waits for the bus.
        await processor.write("control", 2)
        assert await processor.status() == (table.IDLE, 1, 0, 0)
        assert not ctx.get(control.interrupt)
        await processor.write("control", 1)
        await processor.write("control", 2)
        assert await processor.status() == stopped
        assert ctx.get(control.interrupt)
        ctx.set(control.drained, 1)
        await ctx.tick().repeat(PARTS + 5)
        assert not ctx.get(control.run)
        assert await processor.status() == (table.FAULT, 0, Fault.STOPPED, 0)

    bench(body)


@pytest.mark.parametrize("wait", [2, 7, 30])
def test_the_watchdog_counts_cycles_without_progress(wait):
    async def body(control, ctx, processor):
        await processor.write("interrupt_enable", 2)
        await processor.write("watchdog", wait)
        ctx.set(control.progress, 1)
        await processor.write("control", 1)
        await ctx.tick().repeat(50)
        for _ in range(3):
            ctx.set(control.progress, 0)
            await ctx.tick().repeat(wait - 1)
            ctx.set(control.progress, 1)
            await ctx.tick()
            assert ctx.get(control.run)
        ctx.set(control.progress, 0)
        await ctx.tick().repeat(wait + 1)
        assert not ctx.get(control.run) and ctx.get(control.interrupt)
        assert await processor.status() == (table.FAULT, 1, Fault.WATCHDOG, 0)

    bench(body)


def test_no_watchdog():
    async def body(control, ctx, processor):
        await processor.write("watchdog", 0)
        await processor.write("control", 1)
        await ctx.tick().repeat(500)
        assert ctx.get(control.run)

    bench(body)


async def first_cycle(control, ctx):
    """Start a program, without pauses, and stand in its first cycle."""
    bus = control.bus
    while ctx.get(control.resets):
        await ctx.tick()
    ctx.set(bus.aw.p.addr, OFFSETS["control"])
    ctx.set(bus.w.payload, {"data": 1, "strb": 15})
    ctx.set(bus.b.ready, 1)
    for valid in (1, 0):
        ctx.set(bus.aw.valid, valid)
        ctx.set(bus.w.valid, valid)
        if valid:
            await ctx.tick()
    assert ctx.get(control.start)


def test_counters_count_from_start_to_end():
    async def body(control, ctx, processor):
        rng = np.random.default_rng(3)
        ctx.set(control.drained, 1)
        for _ in range(2):
            await first_cycle(control, ctx)
            await ctx.tick()
            ctx.set(control.bus.b.ready, 0)
            bits = rng.integers(0, 16, (40, len(UNITS)))
            beats = rng.integers(0, 2, (40, 2))
            for row, (read, written) in zip(bits, beats, strict=True):
                for unit, value in enumerate(row):
                    ctx.set(control.counted[unit], int(value))
                ctx.set(control.read_beats, int(read))
                ctx.set(control.written_beats, int(written))
                await ctx.tick()
            for unit in range(len(UNITS)):
                ctx.set(control.counted[unit], 0)
            ctx.set(control.read_beats, 0)
            ctx.set(control.written_beats, 0)
            ctx.set(control.ended, 1)
            await ctx.tick()
            ctx.set(control.ended, 0)
            for unit, name in enumerate(UNITS):
                for place, counter in enumerate(table.COUNTERS):
                    expected = int((bits[:, unit] >> place & 1).sum())
                    assert await processor.read(f"{name}_{counter}") == expected
            assert await processor.read("read_beats") == beats[:, 0].sum()
            assert await processor.read("written_beats") == beats[:, 1].sum()
            assert await processor.read("cycles_low") == 42
            assert await processor.read("cycles_high") == 0

    bench(body)


def test_cycles_go_on_in_their_upper_half(monkeypatch):
    async def body(control, ctx, processor):
        ctx.set(control.drained, 1)
        # Ends around a wrap: the upper half is asked for at once.
        for runs in (*range(240, 268), 1030):
            await first_cycle(control, ctx)
            await ctx.tick()
            ctx.set(control.bus.b.ready, 0)
            await ctx.tick().repeat(runs - 2)
            ctx.set(control.ended, 1)
            await ctx.tick()
            ctx.set(control.ended, 0)
            told = [await processor.read(name) for name in ("cycles_high", "cycles_low")]
            assert (told[0] << 8 | told[1]) == runs

    monkeypatch.setattr("hw.accelerator.control.Counters", lambda events, _: Counters(events, 8))
    bench(body, cycles=20_000)


def test_offsets_are_words_of_their_own_within_the_address_space():
    offsets = list(OFFSETS.values())
    assert offsets == sorted(set(offsets)) and len(OFFSETS) == len(offsets)
    assert all(one % 4 == 0 and one < 1 << table.ADDRESS_BITS for one in offsets)
    for one in table.registers():
        ends = [(bits.low, bits.low + bits.width) for bits in one.bits]
        assert all(end <= start for (_, end), (start, _) in pairwise(ends))
