"""A board's top: its serial pins and its clock around a hosted design."""

from typing import Any

from amaranth.build import Pins, Resource, Subsignal
from amaranth.hdl import ClockDomain, ClockSignal, Elaboratable, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.io import Buffer

from fpga.boards import Board
from fpga.clock import ecp5_dividers, ecp5_pll, ice40_dividers, ice40_pll
from fpga.design import Design
from fpga.hosted import Hosted
from fpga.reset import LockedReset
from fpga.sdram.pads import CLOCK_DEGREES, SdramPads, require_clock

RESET_CYCLES = 1 << 10
"""Reset after the PLL has locked: block RAM of iCE40 reads zeros for its first microseconds."""


class Top(Elaboratable):
    """``design`` on ``board``: what ``platform.build`` is given."""

    def __init__(self, board: Board, design: Design) -> None:
        self.board, self.design = board, design

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        self._clock(m, platform)
        uart = self._uart(platform)
        m.submodules.rx = rx = Buffer("i", uart.rx)
        m.submodules.tx = tx = Buffer("o", uart.tx)
        words = self.board.identity(self.design).words()
        m.submodules.hosted = hosted = Hosted(
            self.design.target(), words, self.board.divisor(self.design)
        )
        m.d.comb += [hosted.rx.eq(rx.i), tx.o.eq(hosted.tx)]
        if self.design.sdram is not None:
            require_clock(self.design.megahertz * 1e6)
            m.submodules.sdram = pads = SdramPads(self.design.sdram, bare(platform, "sdram"))
            wiring.connect(m, hosted.sdram, pads.pins)
        for name in self.board.enables:
            m.submodules[name] = enable = Buffer("o", platform.request(name, dir="-"))
            m.d.comb += enable.o.eq(1)
        return m

    def _uart(self, platform: Any) -> Any:
        if self.board.uart is None:
            return bare(platform, "uart")
        connector, rx, tx = self.board.uart
        where = (connector, 0)
        platform.add_resources([
            Resource(
                "adapter",
                0,
                Subsignal("rx", Pins(rx, dir="i", conn=where)),
                Subsignal("tx", Pins(tx, dir="o", conn=where)),
            )
        ])
        return platform.request("adapter", 0, dir={"rx": "-", "tx": "-"})

    def _clock(self, m: Module, platform: Any) -> None:
        """Drive ``sync`` by the PLL, and hold its reset until the clock can be trusted."""
        clock, locked = Signal(name="pll_clock"), Signal(name="pll_locked")
        pad = platform.request(platform.default_clk, dir="-")
        wanted = self.design.megahertz * 1e6
        if self.board.chip.family == "ecp5":
            m.submodules.pad = source = Buffer("i", pad)
            dividers = ecp5_dividers(self.board.clock, wanted)
            later = None
            if self.design.sdram is not None:
                later = Signal(name="pll_memory_clock")
                m.domains.sdram = ClockDomain("sdram", reset_less=True, local=True)
                m.d.comb += ClockSignal("sdram").eq(later)
            m.submodules.pll = ecp5_pll(source.i, clock, locked, dividers, later, CLOCK_DEGREES)
        else:
            dividers = ice40_dividers(self.board.clock, wanted)
            m.submodules.pll = ice40_pll(pad.io, clock, locked, dividers)
        m.domains.start = ClockDomain("start", local=True)
        m.domains.sync = ClockDomain("sync")
        m.submodules.reset = reset = LockedReset(RESET_CYCLES)
        m.d.comb += [
            ClockSignal("start").eq(clock),
            ClockSignal("sync").eq(clock),
            reset.locked.eq(locked),
            ResetSignal("sync").eq(reset.held),
        ]


def bare(platform: Any, name: str) -> Any:
    """Request a resource without buffers: only pins that get one of ours are used."""
    pins = [pin.name for pin in platform.lookup(name, 0).ios]
    return platform.request(name, 0, dir=dict.fromkeys(pins, "-"))
