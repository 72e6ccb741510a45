"""The skip feeder: only the digits that the longest input of the group has, from the top down."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from hw.macro.feeders.base import Feeder


class SkipFeeder(Feeder):
    """``max(1, ceil(longest effective bitwidth / bits_per_cycle))`` steps a vector."""

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        step_bits, digits = self.plan.bits_per_cycle, self.digits
        sign_magnitude = self.plan.encoding == "sign_magnitude"
        if sign_magnitude:
            magnitudes, signs = self.magnitudes(m)
            loaded = [_widen(x, digits * step_bits) for x in magnitudes]
        else:
            loaded = [
                self.extended(self.i.p.data[0][lane], digits * step_bits)
                for lane in range(self.spec.lanes)
            ]
        # Digit k is needed where what lies above digit k - 1 is more than the sign.
        needed = []
        for digit in range(1, digits):
            low = digit * step_bits
            if sign_magnitude:
                lanes = [x[low:].any() for x in loaded]
            else:
                signed = self.signed_flag()
                lanes = [
                    Mux(signed, x[low - 1 :].any() & ~x[low - 1 :].all(), x[low:].any())
                    for x in loaded
                ]
            needed.append(Cat(lanes).any())
        index, first = Signal(range(max(digits, 2))), Signal()
        last = Signal()
        m.d.comb += last.eq(index == 0)
        load, advance = self.hold(m, first=first, last=last)
        negative = Signal()
        with m.If(load):
            m.d.sync += [index.eq(_count(needed)), first.eq(1), negative.eq(self.signed_flag())]
        with m.Elif(advance):
            m.d.sync += [index.eq(index - 1), first.eq(0)]
        if not sign_magnitude:
            m.d.comb += self.o.p.negative.eq(negative & first)
        else:
            sign_bits = Signal(self.spec.lanes)
            with m.If(load):
                m.d.sync += sign_bits.eq(Cat(signs))
            m.d.comb += self.o.p.signs.eq(sign_bits)
        for lane, x in enumerate(loaded):
            held = Signal(digits * step_bits, name=f"held_{lane}", reset_less=True)
            with m.If(load):
                m.d.sync += held.eq(x)
            m.d.comb += self.o.p.digits[0][lane].eq(held.word_select(index, step_bits))
        return m


def _widen(x: Value, bits: int) -> Value:
    return Cat(x, Value.cast(0).replicate(bits - len(x))) if bits > len(x) else x


def _count(thermometer: list[Value]) -> Value:
    """Number of ones in bits that are ones up to some place."""
    return sum(thermometer[1:], start=thermometer[0]) if thermometer else Value.cast(0)
