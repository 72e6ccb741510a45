"""Helper lanes: what each takes in the next step of the digits that are left."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import MacroSpec
from hw.macro.feeders.lines import encode, lowest
from hw.macro.plan import MacroPlan
from hw.macro.step import digit_count, step_layout


class Helpers(wiring.Component):
    """The first helper takes the lowest digit that is left, the second the highest.

    Chosen one step ahead: ``o`` is registered.

    Members
    -------
    load : a vector comes: ``marks`` are what is left of it
    advance : the step in ``o`` is taken
    index : place of the ordinary lanes in the step that comes
    marks : per place from 1 on, the lanes whose digit is left
    magnitudes, signs : of the digits that are left, of the vector that comes or is held
    o : see ``step_layout``
    """

    def __init__(self, spec: MacroSpec, plan: MacroPlan) -> None:
        self.spec, self.plan = spec, plan
        self.digits = digit_count(spec, plan)
        width = self.digits * plan.bits_per_cycle
        super().__init__({
            "load": In(1),
            "advance": In(1),
            "index": In(range(max(self.digits, 2))),
            "marks": In(data.ArrayLayout(unsigned(spec.lanes), self.digits - 1)),
            "magnitudes": In(data.ArrayLayout(unsigned(width), spec.lanes)),
            "signs": In(spec.lanes),
            "o": Out(step_layout(spec, plan).members["helpers"]),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        lanes, step_bits = self.spec.lanes, self.plan.bits_per_cycle
        take = self.load | self.advance
        left = []
        for row in range(self.digits - 1):
            remaining = Signal(lanes, name=f"remaining_{row}", reset_less=True)
            source = Signal(lanes, name=f"left_{row}")
            m.d.comb += source.eq(Mux(self.load, self.marks[row], remaining))
            left.append((remaining, source))
        rows = [source for _, source in left]
        picked = lowest(m, "lowest", rows)
        taken = [picked]
        if self.plan.helpers == 2:
            mirrored = lowest(m, "highest", [row[::-1] for row in reversed(rows)])
            # If one digit is left, the first helper has it.
            highest = [row[::-1] for row in reversed(mirrored)]
            taken.append([a & ~b for a, b in zip(highest, picked, strict=True)])
        with m.If(take):
            for row, (remaining, source) in enumerate(left):
                keep = source
                for lines in taken:
                    keep = keep & ~lines[row]
                m.d.sync += remaining.eq(keep)
        for helper, lines in enumerate(taken):
            lane_lines = Signal(lanes, name=f"lanes_{helper}")
            place_lines = Signal(self.digits, name=f"places_{helper}")
            digit = Signal(step_bits, name=f"digit_{helper}")
            m.d.comb += [
                lane_lines.eq(Cat(Cat(row[lane] for row in lines).any() for lane in range(lanes))),
                place_lines.eq(Cat(0, *(row.any() for row in lines))),
            ]
            for bit in range(step_bits):
                bits = [
                    line & self.magnitudes[lane][place * step_bits + bit]
                    for place, row in enumerate(lines, 1)
                    for lane, line in enumerate(row)
                ]
                # A digit of one bit that is not zero is one.
                m.d.comb += digit[bit].eq(Cat(bits).any() if step_bits > 1 else place_lines.any())
            port = self.o[helper]
            with m.If(take):
                m.d.sync += [
                    port.lane.eq(encode(list(lane_lines))),
                    port.digit.eq(digit),
                    port.shift.eq(encode(list(place_lines)) - self.index),
                    port.negative.eq((lane_lines & self.signs).any()),
                ]
        return m
