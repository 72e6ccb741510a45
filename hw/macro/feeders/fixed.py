"""The fixed feeder: every digit of every input, from the lowest up."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal

from hw.macro.feeders.base import Feeder


class FixedFeeder(Feeder):
    """``ceil(input_bits / bits_per_cycle)`` steps a vector: the baseline of every ratio.

    With as many bits a cycle as an input has, it is the input register of a parallel array.
    """

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        step_bits, digits = self.plan.bits_per_cycle, self.digits
        index = Signal(range(digits))
        last = Signal()
        m.d.comb += last.eq(index == digits - 1)
        load, advance = self.hold(m, first=index == 0, last=last)
        signed = Signal()
        with m.If(load):
            m.d.sync += [signed.eq(self.signed_flag()), index.eq(0)]
        with m.Elif(advance):
            m.d.sync += index.eq(index + 1)
        m.d.comb += self.o.p.negative.eq(last & signed)
        for token in range(self.plan.tokens):
            for lane in range(self.spec.lanes):
                rest = Signal(digits * step_bits, name=f"rest_{token}_{lane}", reset_less=True)
                with m.If(load):
                    m.d.sync += rest.eq(self.extended(self.i.p.data[token][lane], len(rest)))
                with m.Elif(advance):
                    m.d.sync += rest.eq(Cat(rest[step_bits:], rest[-step_bits:]))
                m.d.comb += self.o.p.digits[token][lane].eq(rest[:step_bits])
        return m
