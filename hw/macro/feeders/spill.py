"""The spill feeder: ordinary lanes take the low digits, helper lanes whatever stands higher."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from golden.spec import ceil_log2
from hw.macro.bit_heap import BitHeap
from hw.macro.feeders.base import Feeder
from hw.macro.feeders.helpers import Helpers
from hw.macro.feeders.lines import choose, encode


class SpillFeeder(Feeder):
    """T steps: the least T with at most ``helpers * T`` nonzero digits at place T and above.

    The ordinary lanes come down from digit T - 1; in each step a helper takes one of the digits
    that were left above, any lane's, so its place above the step is 1 to ``digits - 1``.
    In two's complement the low part is a signed number of T digits and what is left above,
    ``(x + half) >> (T * bits_per_cycle)``, is spilled by magnitude and sign.
    """

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        digits, lanes = self.digits, self.spec.lanes
        sign_magnitude = self.plan.encoding == "sign_magnitude"
        low, signs = self._low(m)
        # chosen[T - 1]: T is the least that fits; enough[T - 1]: that is at most T.
        chosen, enough = Signal(digits), Signal(digits)
        m.d.comb += chosen.eq(enough & ~(enough << 1))

        index, first, last = Signal(range(max(digits, 2))), Signal(), Signal()
        m.d.comb += last.eq(index == 0)
        load, advance = self.hold(m, first=first, last=last)
        coming = Signal.like(index)
        m.d.comb += coming.eq(Mux(load, encode(list(chosen)), index - 1))
        negative, held_signs = Signal(), Signal(lanes)
        held = [Signal.like(x, name=f"held_{lane}", reset_less=True) for lane, x in enumerate(low)]
        with m.If(load):
            m.d.sync += [first.eq(1), negative.eq(self.signed_flag()), held_signs.eq(signs)]
            m.d.sync += [register.eq(x) for register, x in zip(held, low, strict=True)]
        with m.Elif(advance):
            m.d.sync += first.eq(0)
        with m.If(load | advance):
            m.d.sync += index.eq(coming)
        for lane, register in enumerate(held):
            digit = register.word_select(index, self.plan.bits_per_cycle)
            m.d.comb += self.o.p.digits[0][lane].eq(digit)

        m.submodules.helpers = helpers = Helpers(self.spec, self.plan)
        m.d.comb += [
            helpers.load.eq(load),
            helpers.advance.eq(advance),
            helpers.index.eq(coming),
            self.o.p.helpers.eq(helpers.o),
        ]
        if sign_magnitude:
            # What is above T is part of what is held, and place k is left where T is at most k.
            rows = self._rows(m, "", low, 1)
            counts = self._counts(m, "", rows)
            fits = [self._fits(m, place, counts[place - 1 :]) for place in range(1, digits)]
            left = [row & enough[k].replicate(lanes) for k, row in enumerate(rows)]
            high = [Mux(load, x, register) for x, register in zip(low, held, strict=True)]
            high_signs: Value = Mux(load, signs, held_signs)
            m.d.comb += self.o.p.signs.eq(held_signs)
        else:
            parts = [self._signed_part(m, low, place) for place in range(1, digits)]
            every = [self._rows(m, f"_{k}", part[:-1], k) for k, part in enumerate(parts, 1)]
            fits = [
                self._fits(m, place, self._counts(m, f"_{place}", rows))
                for place, rows in enumerate(every, 1)
            ]
            left = [
                choose(chosen, [every[t][k - t] for t in range(k + 1)]) for k in range(digits - 1)
            ]
            *high, high_signs = [
                self._kept(m, f"above_{k}", load, choose(chosen, [part[k] for part in parts]))
                for k in range(lanes + 1)
            ]
            m.d.comb += self.o.p.negative.eq(negative & first)
        m.d.comb += [
            enough.eq(Cat(*(Cat(fits[:place]).any() for place in range(1, digits)), 1)),
            *(helpers.marks[k].eq(row) for k, row in enumerate(left)),
            *(helpers.magnitudes[lane].eq(x) for lane, x in enumerate(high)),
            helpers.signs.eq(high_signs),
        ]
        return m

    def _low(self, m: Module) -> tuple[list[Signal], Value]:
        """What the ordinary lanes take their digits of, and the signs of sign-magnitude."""
        width = self.digits * self.plan.bits_per_cycle
        if self.plan.encoding == "sign_magnitude":
            values, lane_signs = self.magnitudes(m)
            signs: Value = Cat(lane_signs)
        else:
            values = [self.extended(x, width) for x in self.i.p.data[0]]
            signs = Const(0, self.spec.lanes)
        low = [Signal(width, name=f"low_{lane}") for lane in range(self.spec.lanes)]
        m.d.comb += [wide.eq(x) for wide, x in zip(low, values, strict=True)]
        return low, signs

    def _signed_part(self, m: Module, low: list[Signal], place: int) -> list[Value]:
        """Per lane the magnitude of what is above ``place``, where it stands; then all signs."""
        start, signed = place * self.plan.bits_per_cycle, self.signed_flag()
        parts, signs = [], Signal(len(low), name=f"signs_{place}")
        for lane, x in enumerate(low):
            high = Cat(x[start:], signed & x[-1]).as_signed()
            carried = Signal(len(high), name=f"carried_{place}_{lane}")
            magnitude = Signal(len(x), name=f"above_{place}_{lane}")
            m.d.comb += [
                carried.eq(high + (x[start - 1] & signed)),
                signs[lane].eq(carried[-1] & signed),
                magnitude.eq(Cat(Const(0, start), Mux(signs[lane], -carried, carried))),
            ]
            parts.append(magnitude)
        return [*parts, signs]

    def _rows(self, m: Module, name: str, values: list[Any], place: int) -> list[Signal]:
        """Per place from ``place`` on, the lanes whose digit is not zero."""
        rows = []
        for digit in range(place, self.digits):
            row = Signal(self.spec.lanes, name=f"row{name}_{digit}")
            m.d.comb += row.eq(
                Cat(x.word_select(digit, self.plan.bits_per_cycle).any() for x in values)
            )
            rows.append(row)
        return rows

    def _counts(self, m: Module, name: str, rows: list[Signal]) -> list[Signal]:
        counts = []
        for index, row in enumerate(rows):
            heap = BitHeap(ceil_log2(self.spec.lanes + 1))
            for bit in row:
                heap.add_bit(bit, 0)
            counts.append(Signal(heap.width, name=f"count{name}_{index}"))
            m.d.comb += counts[-1].eq(heap.sum(m))
        return counts

    def _fits(self, m: Module, place: int, counts: list[Signal]) -> Value:
        heap = BitHeap(ceil_log2(self.spec.lanes * len(counts) + 1))
        for count in counts:
            heap.add(count)
        total, fit = Signal(heap.width, name=f"total_{place}"), Signal(name=f"fits_{place}")
        m.d.comb += [total.eq(heap.sum(m)), fit.eq(total <= self.plan.helpers * place)]
        return fit

    def _kept(self, m: Module, name: str, load: Value, value: Value) -> Value:
        """Return ``value`` while it is loaded, then what was loaded."""
        now = Signal(len(value), name=name)
        kept = Signal(len(value), name=f"{name}_held", reset_less=True)
        m.d.comb += now.eq(Mux(load, value, kept))
        m.d.sync += kept.eq(now)
        return now
