"""The pads of an SDRAM: which pin each command is, and in which cycle."""

from types import SimpleNamespace

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.io import Direction, SimulationPort
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

from fpga.sdram import pads as pads_of_sdram
from fpga.sdram.pads import SdramPads
from fpga.sdram.part import SDRAM_32MB
from fpga.sdram.pins import Command

LOW = ("cs", "ras", "cas", "we")
"""Active low on the board."""

SENT = {"clk": 1, "clk_en": 1, "cs": 1, "ras": 1, "cas": 1, "we": 1, "ba": 2, "a": 13, "dqm": 2}

# As a data sheet's table of commands has them: RAS#, CAS#, WE#.
TABLE = {
    Command.NOTHING: (1, 1, 1),
    Command.ACTIVATE: (0, 1, 1),
    Command.READ: (1, 0, 1),
    Command.WRITE: (1, 0, 0),
    Command.PRECHARGE: (0, 1, 0),
    Command.REFRESH: (0, 0, 1),
    Command.LOAD_MODE: (0, 0, 0),
}


class Clock(wiring.Component):
    """In place of an output register of two edges, which Amaranth does not simulate."""

    o: In(1).array(2)

    def elaborate(self, platform):
        return Module()


def test_a_command_is_on_its_pins_a_cycle_later(monkeypatch):
    monkeypatch.setattr(pads_of_sdram, "DDRBuffer", lambda *_, **__: Clock())
    ports = SimpleNamespace(
        **{
            name: SimulationPort(Direction.Output, bits, invert=name in LOW)
            for name, bits in SENT.items()
        },
        dq=SimulationPort(Direction.Bidir, 16),
    )
    pads = SdramPads(SDRAM_32MB, ports)
    m = Module()
    m.submodules.pads = pads
    simulator = Simulator(m)
    simulator.add_clock(20e-9)

    async def testbench(ctx):
        for word, (command, levels) in enumerate(TABLE.items()):
            ctx.set(pads.pins.command, command)
            ctx.set(pads.pins.bank, word & 3)
            ctx.set(pads.pins.address, 1 << word)
            ctx.set(pads.pins.mask, word & 3)
            ctx.set(pads.pins.data, 1 << word)
            ctx.set(pads.pins.driven, command == Command.WRITE)
            ctx.set(ports.dq.i, 1 << word)
            await ctx.tick()
            assert tuple(ctx.get(getattr(ports, name).o) for name in ("ras", "cas", "we")) == levels
            assert ctx.get(ports.cs.o) == 0 and ctx.get(ports.clk_en.o) == 1
            assert ctx.get(ports.ba.o) == ctx.get(ports.dqm.o) == word & 3
            assert ctx.get(ports.a.o) == ctx.get(ports.dq.o) == 1 << word
            assert ctx.get(ports.dq.oe) == (0xFFFF if command == Command.WRITE else 0)
            if command == Command.READ:
                assert ctx.get(pads.pins.read) == 1 << word

    simulator.add_testbench(testbench)
    simulator.run()
