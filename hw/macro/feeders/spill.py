"""The spill feeder: ordinary lanes take the low digits, helper lanes whatever stands higher."""

from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value

from hw.macro.feeders.base import Feeder


class SpillFeeder(Feeder):
    """T steps: the least T with at most ``helpers * T`` nonzero digits at place T and above.

    The ordinary lanes come down from digit T - 1; in each step a helper takes one of the digits
    that were left above, any lane's, so its place above the step is 1 to ``digits - 1``.
    In two's complement the low part is a signed number of T digits and what is left above,
    ``(x + half) >> (T * bits_per_cycle)``, is spilled by magnitude and sign.
    """

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        if self.plan.encoding == "sign_magnitude":
            magnitudes, signs = self.magnitudes(m)
            low = magnitudes
            # above[t - 1]: what is spilled, at its place, when the ordinary lanes take t digits.
            above = [
                [Cat(Const(0, t * self._step), self._digits_above(x, t)) for x in magnitudes]
                for t in range(1, self.digits)
            ]
            above_signs = [signs] * (self.digits - 1)
        else:
            signs = [Value.cast(0)] * self.spec.lanes
            low = [self._widened(self.i.p.data[0][lane]) for lane in range(self.spec.lanes)]
            above, above_signs = self._signed_parts(m)
        self._steps(m, low, signs, above, above_signs)
        return m

    @property
    def _step(self) -> int:
        return self.plan.bits_per_cycle

    def _widened(self, x: Value) -> Value:
        return self.extended(x, self.digits * self._step)

    def _digits_above(self, x: Value, place: int) -> Value:
        missing = self.digits * self._step - len(x)
        return Cat(x, Const(0, missing))[place * self._step :]

    def _signed_parts(self, m: Module) -> tuple[list[list[Value]], list[list[Value]]]:
        """Per T and lane: magnitude of the part above at its place, and its sign."""
        above, above_signs = [], []
        signed = self.signed_flag()
        for place in range(1, self.digits):
            low = place * self._step
            parts, part_signs = [], []
            for lane in range(self.spec.lanes):
                x = self._widened(self.i.p.data[0][lane])
                high = Cat(x[low:], signed & x[-1]).as_signed()
                carried = Signal(len(high), name=f"carried_{place}_{lane}")
                magnitude = Signal(len(high), name=f"above_{place}_{lane}")
                m.d.comb += carried.eq(high + (x[low - 1] & signed))
                negative = carried[-1] & signed
                m.d.comb += magnitude.eq(Mux(negative, -carried, carried))
                parts.append(Cat(Const(0, low), magnitude)[: self.digits * self._step])
                part_signs.append(negative)
            above.append(parts)
            above_signs.append(part_signs)
        return above, above_signs

    def _steps(
        self,
        m: Module,
        low: list[Value],
        signs: list[Value],
        above: list[list[Value]],
        above_signs: list[list[Value]],
    ) -> None:
        digits, lanes, helpers = self.digits, self.spec.lanes, self.plan.helpers
        # Marks of the digits that would be spilled, digit by digit, all lanes of one side by side.
        marks = [
            Cat(
                x[digit * self._step : (digit + 1) * self._step].any()
                for digit in range(digits)
                for x in parts
            )
            for parts in above
        ]
        fits = [
            sum(mark[1:], start=mark[0]) <= helpers * place for place, mark in enumerate(marks, 1)
        ]
        index, first, last = Signal(range(max(digits, 2))), Signal(), Signal()
        m.d.comb += last.eq(index == 0)
        load, advance = self.hold(m, first=first, last=last)
        negative = Signal()

        remaining = Signal(digits * lanes)
        held_low = [Signal(digits * self._step, name=f"low_{lane}") for lane in range(lanes)]
        held_above = [Signal(digits * self._step, name=f"high_{lane}") for lane in range(lanes)]
        held_signs, high_signs = Signal(lanes), Signal(lanes)
        with m.If(load):
            m.d.sync += [first.eq(1), negative.eq(self.signed_flag()), held_signs.eq(Cat(signs))]
            m.d.sync += [index.eq(digits - 1), remaining.eq(0)]
            m.d.sync += [register.eq(x) for register, x in zip(held_low, low, strict=True)]
            # The least T that fits is written last.
            for place in range(digits - 1, 0, -1):
                with m.If(fits[place - 1]):
                    m.d.sync += [index.eq(place - 1), remaining.eq(marks[place - 1])]
                    m.d.sync += high_signs.eq(Cat(above_signs[place - 1]))
                    for register, x in zip(held_above, above[place - 1], strict=True):
                        m.d.sync += register.eq(x)
        with m.Elif(advance):
            m.d.sync += [index.eq(index - 1), first.eq(0)]

        if self.plan.encoding == "sign_magnitude":
            m.d.comb += self.o.p.signs.eq(held_signs)
        else:
            m.d.comb += self.o.p.negative.eq(negative & first)
        for lane, register in enumerate(held_low):
            m.d.comb += self.o.p.digits[0][lane].eq(register.word_select(index, self._step))

        left: Value = remaining
        for helper in range(helpers):
            port = self.o.p.helpers[helper]
            picked = Signal(digits * lanes, name=f"picked_{helper}")
            m.d.comb += picked.eq(left & -left)
            lane_lines = Cat(picked[lane::lanes].any() for lane in range(lanes))
            place_lines = [
                picked[digit * lanes : (digit + 1) * lanes].any() for digit in range(digits)
            ]
            lane_index, place_index = _encode(list(lane_lines)), _encode(place_lines)
            source = Array(held_above)[lane_index]
            digit = source.word_select(place_index, self._step)
            m.d.comb += [
                port.lane.eq(lane_index),
                port.digit.eq(digit & picked.any().replicate(self._step)),
                port.shift.eq(place_index - index),
                port.negative.eq((lane_lines & high_signs).any()),
            ]
            left = left & ~picked
        with m.If(advance & ~load):
            m.d.sync += remaining.eq(left)


def _encode(lines: list[Value]) -> Value:
    """Index of the one line that is set."""
    width = max(1, (len(lines) - 1).bit_length())
    return Cat(
        Cat(line for index, line in enumerate(lines) if (index >> bit) & 1).any()
        for bit in range(width)
    )
