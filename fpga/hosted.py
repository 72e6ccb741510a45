"""A design behind a host link: everything of a board's top but its pins and its clock."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fpga.link.link import Link
from fpga.link.uart import UartReceiver, UartTransmitter


class Hosted(wiring.Component):
    """``target``, whose member ``bus`` is a flipped ``BusSignature``, behind a serial line.

    Whatever else ``target`` has are pins of the board, and members here too.

    Members
    -------
    rx, tx : the line, ``divisor`` cycles a bit
    """

    def __init__(self, target: wiring.Component, identity: Sequence[int], divisor: int) -> None:
        self.target, self.identity, self.divisor = target, tuple(identity), divisor
        members = target.signature.members.items()
        self.pins = {name: member for name, member in members if name != "bus"}
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), **self.pins})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self.divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self.divisor)
        m.submodules.link = link = Link(self.identity)
        m.submodules.target = self.target
        wiring.connect(m, receiver.o, link.i)
        wiring.connect(m, link.o, transmitter.i)
        wiring.connect(m, link.bus, self.target.bus)
        for name in self.pins:
            wiring.connect(m, getattr(self.target, name), wiring.flipped(getattr(self, name)))
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        return m
