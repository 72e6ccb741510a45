"""Puts beats of a row side by side in words of the buffer."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out


def part_layout(bits: int) -> data.StructLayout:
    """Part of a row, and whether the row ends with it."""
    return data.StructLayout({"data": unsigned(bits), "last": unsigned(1)})


class Collector(wiring.Component):
    """``o`` is ``count`` beats of ``i``, the first one lowest; fewer and zeros at a row's end.

    A word leaves with its last beat. Latency is zero, throughput one beat per cycle.

    Members
    -------
    i, o : ``part_layout``, of ``bits`` and of ``count * bits`` bits
    """

    def __init__(self, bits: int, count: int) -> None:
        self.bits, self.count = bits, count
        super().__init__({
            "i": In(stream.Signature(part_layout(bits))),
            "o": Out(stream.Signature(part_layout(count * bits))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        i, o = self.i, self.o
        place, whole = Signal(range(self.count)), Signal()
        parts = []
        for number in range(self.count - 1):
            part = Signal(self.bits, name=f"part_{number}", reset_less=True)
            with m.If(place == number):
                m.d.sync += part.eq(i.p.data)
            # What is behind a row's last beat was that of the word before.
            parts.append(Mux(place == number, i.p.data, Mux(place > number, part, 0)))
        final = i.p.data if self.count == 1 else Mux(place == self.count - 1, i.p.data, 0)
        m.d.comb += [
            whole.eq(i.p.last | (place == self.count - 1)),
            o.valid.eq(i.valid & whole),
            o.p.data.eq(Cat(*parts, final)),
            o.p.last.eq(i.p.last),
            # Only a whole word needs room.
            i.ready.eq(~whole | o.ready),
        ]
        with m.If(i.valid & i.ready):
            m.d.sync += place.eq(Mux(whole, 0, place + 1))
        return m
