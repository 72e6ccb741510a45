"""Reset of a board's top: until its clock can be trusted, and whenever it no longer can."""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In, Out


class LockedReset(wiring.Component):
    """Holds the reset while the PLL is not locked, and ``cycles`` after that.

    It stands in the domain ``start``, which has the PLL's clock and whose reset is made here.

    Members
    -------
    locked : of the PLL, at any time
    held : the reset
    """

    def __init__(self, cycles: int) -> None:
        self.cycles = cycles
        super().__init__({"locked": In(1), "held": Out(1, init=1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        left = Signal(range(self.cycles), init=self.cycles - 1)
        m.submodules.locked = ResetSynchronizer(~self.locked, domain="start")
        with m.If(left != 0):
            m.d.start += left.eq(left - 1)
        m.d.start += self.held.eq(left != 0)
        return m
