"""The reset of a board's top."""

from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from fpga.reset import LockedReset

CYCLES = 16


def test_the_reset_is_held_until_the_clock_can_be_trusted_and_when_it_no_longer_can():
    m = Module()
    m.domains.start = ClockDomain("start")
    m.submodules.reset = reset = LockedReset(CYCLES)
    simulator = Simulator(m)
    simulator.add_clock(20e-9, domain="start")
    seen = []

    async def testbench(ctx):
        for locked, cycles in ((0, 10), (1, 40), (0, 10), (1, 40)):
            ctx.set(reset.locked, locked)
            await ctx.delay(1e-9)
            for _ in range(cycles):
                seen.append(ctx.get(reset.held))
                await ctx.tick("start")

    simulator.add_testbench(testbench)
    simulator.run()
    for begin in (0, 50):
        unlocked, locked = seen[begin : begin + 10], seen[begin + 10 : begin + 50]
        # The loss is seen at the next edges.
        assert all(unlocked[2:])
        held = locked.index(0)
        assert CYCLES <= held <= CYCLES + 4 and not any(locked[held:])
