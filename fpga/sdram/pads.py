"""Pads of a board's SDRAM: a register in each, and a clock of a later phase for the chip."""

from typing import Any

from amaranth.hdl import Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.io import Buffer, DDRBuffer, FFBuffer
from amaranth.lib.wiring import In

from fpga.sdram.part import SdramPart
from fpga.sdram.pins import pins_signature

CLOCK_DEGREES = 90
"""Phase of the chip's clock behind ours.

A command or a word that a pad sends at our edge is on its pin a quarter of a cycle before the chip
looks, and stays three quarters. What the chip gives comes 6 ns after its edge (tAC at a CAS latency
of 2); pads take about 4 ns out and 1 ns in. So at 50 MHz a word is here 4 ns before the edge that
takes it, and stays at least 7 ns after.
"""

HIGHEST_HERTZ = 65e6
"""At a quicker clock words would come after the edge that takes them."""


def require_clock(hertz: float) -> None:
    """Raise ``ValueError`` for a clock at which words would come too late."""
    if hertz > HIGHEST_HERTZ:
        raise ValueError(
            f"the pads of an SDRAM take words in time up to {HIGHEST_HERTZ / 1e6:g} MHz, not at "
            f"{hertz / 1e6:g}: choose a slower clock for the design"
        )


class SdramPads(wiring.Component):
    """``ports`` of the resource ``sdram``, driven as ``pins`` tells.

    The domain ``sdram`` is the chip's clock, ``CLOCK_DEGREES`` behind ``sync``.

    Members
    -------
    pins : as the controller drives them
    """

    def __init__(self, part: SdramPart, ports: Any) -> None:
        self.part, self.ports = part, ports
        super().__init__({"pins": In(pins_signature(part))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        pins, ports = self.pins, self.ports
        m.submodules.clock = clock = DDRBuffer("o", ports.clk, o_domain="sdram")
        # Pads power up as a command: the chip has no clock until they hold what they are given.
        m.d.comb += [clock.o[0].eq(~ResetSignal()), clock.o[1].eq(0)]
        for name in ("clk_en", "cs"):
            m.submodules[name] = always = Buffer("o", getattr(ports, name))
            m.d.comb += always.o.eq(1)
        sent = {
            "ras": pins.command[2],
            "cas": pins.command[1],
            "we": pins.command[0],
            "ba": pins.bank,
            "a": pins.address,
            "dqm": pins.mask,
        }
        for name, value in sent.items():
            m.submodules[name] = pad = FFBuffer("o", getattr(ports, name))
            m.d.comb += pad.o.eq(value)
        m.submodules.dq = both = FFBuffer("io", ports.dq)
        m.d.comb += [both.o.eq(pins.data), both.oe.eq(pins.driven), pins.read.eq(both.i)]
        return m
