"""What ``modify`` does to the next instruction: products of registers and factors."""

from itertools import pairwise
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.pipeline import delayed, held

CHANGES = 4
"""Slots that one ``modify`` changes at most."""

CHANGE = data.StructLayout({"slot": 4, "register": 4, "factor": 32})
"""``slot += register * factor``."""

_HALF = 16


class Changes(wiring.Component):
    """Keeps the changes of a ``modify``; once told to go on, gives one step in every cycle.

    A step comes three cycles after its register was asked for.

    Members
    -------
    start, count, changes : a ``modify``, and how many of ``changes`` it has
    moves : the instruction to change is at hand
    register : whose value is needed
    value : that register's, one cycle later
    busy : steps are to come, or one comes
    valid, slot, step : add this to that slot
    following : the slot that the next cycle's step is for
    again : that is ``slot``
    """

    def __init__(self) -> None:
        super().__init__({
            "start": In(1),
            "count": In(range(CHANGES + 1)),
            "changes": In(CHANGE).array(CHANGES),
            "moves": In(1),
            "register": Out(4),
            "value": In(32),
            "busy": Out(1),
            "valid": Out(1),
            "slot": Out(4),
            "step": Out(32),
            "following": Out(4),
            "again": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        changes = [Signal(CHANGE, name=f"change_{index}") for index in range(CHANGES)]
        pending, issued = Signal(range(CHANGES + 1)), Signal()
        m.d.comb += [
            issued.eq(self.moves & (pending != 0)),
            self.register.eq(changes[0].register),
        ]
        with m.If(self.start):
            m.d.sync += [
                pending.eq(self.count),
                *(now.eq(given) for now, given in zip(changes, self.changes, strict=True)),
            ]
        with m.Elif(issued):
            m.d.sync += [
                pending.eq(pending - 1),
                *(now.eq(later) for now, later in pairwise(changes)),
            ]
        asked = delayed(m, "asked", issued, 1)
        multiplied = delayed(m, "multiplied", asked, 1)
        m.d.sync += self.valid.eq(multiplied)
        with m.If(self.start):
            m.d.sync += self.busy.eq(1)
        with m.Elif((pending == 0) & ~asked & ~multiplied):
            m.d.sync += self.busy.eq(0)

        slot = held(m, issued, "slot_asked", changes[0].slot)
        factor = held(m, issued, "factor", changes[0].factor)
        m.d.comb += self.following.eq(held(m, asked, "slot_multiplied", slot))
        m.d.sync += self.again.eq(asked & multiplied & (slot == self.following))
        with m.If(multiplied):
            m.d.sync += self.slot.eq(self.following)
        # 32 bits of the product: each half of one factor times the lower half of the other.
        value = self.value
        low = held(m, asked, "low", value[:_HALF] * factor[:_HALF])
        cross = [
            held(m, asked, f"cross_{index}", (one[_HALF:] * other[:_HALF])[:_HALF])
            for index, (one, other) in enumerate(((value, factor), (factor, value)))
        ]
        with m.If(multiplied):
            m.d.sync += self.step.eq(low + ((cross[0] + cross[1]) << _HALF))
        return m
