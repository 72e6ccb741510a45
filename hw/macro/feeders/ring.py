"""The ring feeder: a lane also takes the high bits of its left neighbour."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from hw.macro.feeders.base import Feeder


class RingFeeder(Feeder):
    """T steps: the least T for which every lane's bits fit in its own and its neighbour's slots.

    Lane ``l`` gives its own low bits first, then the high bits that lane ``l - 1`` owes it. Going
    round the ring, ``owed[l + 1] = max(0, owed[l] + bits[l] - T)``; T fits if no lane owes more
    than T (Hall's theorem). Our reading of the balancing of EBB-CIM (MulTCIM, JSSC 59(1) 2024),
    which does not publish its crossing network.
    """

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bits, lanes = self.spec.input_bits, self.spec.lanes
        signed = self.signed_flag()
        if self.plan.encoding == "sign_magnitude":
            values, signs = self.magnitudes(m)
            lengths = [_length(m, f"{lane}", list(x)) for lane, x in enumerate(values)]
        else:
            values, signs = list(self.i.p.data[0]), [Value.cast(0)] * lanes
            lengths = []
            for lane, x in enumerate(values):
                sign = x[-1] & signed
                # A signed input needs one bit more than what differs from its sign.
                marks = x ^ sign.replicate(bits)
                needed = Mux(signed, Cat(x.any(), marks), marks)
                lengths.append(_length(m, f"{lane}", list(needed)[:bits]))
        owed_for, fits = [], []
        for slots in range(1, bits + 1):
            owed, fit = self._laps(m, lengths, slots)
            owed_for.append(owed)
            fits.append(fit)

        index, slots_held = Signal(range(bits)), Signal(range(bits))
        last = Signal()
        m.d.comb += last.eq(index == slots_held)
        load, advance = self.hold(m, first=index == 0, last=last)
        negative, held_signs = Signal(), Signal(lanes)
        held = [Signal(bits, name=f"held_{lane}") for lane in range(lanes)]
        length_held = [Signal(range(bits + 1), name=f"length_held_{lane}") for lane in range(lanes)]
        own_held = [Signal(range(bits + 1), name=f"own_held_{lane}") for lane in range(lanes)]
        with m.If(load):
            m.d.sync += [index.eq(0), negative.eq(signed), held_signs.eq(Cat(signs))]
            m.d.sync += [register.eq(x) for register, x in zip(held, values, strict=True)]
            m.d.sync += [r.eq(x) for r, x in zip(length_held, lengths, strict=True)]
            for slots in range(bits, 0, -1):
                with m.If(fits[slots - 1]):
                    m.d.sync += slots_held.eq(slots - 1)
                    for lane in range(lanes):
                        gives = owed_for[slots - 1][(lane + 1) % lanes]
                        m.d.sync += own_held[lane].eq(lengths[lane] - gives)
        with m.Elif(advance):
            m.d.sync += index.eq(index + 1)

        for lane in range(lanes):
            left = lane - 1
            borrowed, place = (
                Signal(name=f"borrowed_{lane}"),
                Signal(range(2 * bits), name=f"place_{lane}"),
            )
            m.d.comb += [
                borrowed.eq(index >= own_held[lane]),
                place.eq(Mux(borrowed, index - own_held[lane] + own_held[left], index)),
            ]
            source = Mux(borrowed, held[left], held[lane])
            length = Mux(borrowed, length_held[left], length_held[lane])
            present = place < length
            top = place + 1 == length
            sign = Mux(borrowed, held_signs[left], held_signs[lane])
            if self.plan.encoding == "twos_complement":
                sign = top & negative
            bit = source.bit_select(place[: len(index)], 1) & present
            m.d.comb += [
                self.o.p.bits[lane].eq(bit),
                self.o.p.borrowed[lane].eq(borrowed),
                self.o.p.shift[lane].eq(place),
                self.o.p.negatives[lane].eq(sign),
            ]
        return m

    def _laps(self, m: Module, lengths: list[Value], slots: int) -> tuple[list[Value], Value]:
        """Debts at the entry of every lane in the steady state, and whether T = ``slots`` fits."""
        lanes, bits = self.spec.lanes, self.spec.input_bits
        debt: Value = Value.cast(0)
        owed: list[Value] = [debt] * lanes
        checks = []
        for lap in range(2):
            for lane in range(lanes):
                owed[lane] = debt
                total = debt + lengths[lane]
                name = f"owed_{slots}_{lap}_{lane}"
                excess = Signal(range(bits + 1), name=name)
                over = Signal(name=f"over_{slots}_{lap}_{lane}")
                m.d.comb += [
                    over.eq(total > 2 * slots),
                    excess.eq(Mux(total > slots, Mux(over, bits, total - slots), 0)),
                ]
                checks.append(~over)
                debt = excess
        # The debt that closes the second lap must be the one that opened it.
        total_length = sum(lengths[1:], start=lengths[0])
        return owed, Cat(checks).all() & (total_length <= lanes * slots)


def _length(m: Module, name: str, bits: list[Value]) -> Value:
    """Place of the highest set bit, counted from one; 0 if none is set."""
    length = Signal(range(len(bits) + 1), name=f"length_{name}")
    for index, bit in enumerate(bits, 1):
        with m.If(bit):
            m.d.comb += length.eq(index)
    return length
