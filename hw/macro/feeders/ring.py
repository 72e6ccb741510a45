"""The ring feeder: a lane also takes the high bits of its left neighbour."""

from functools import reduce
from operator import or_
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed

from hw.macro.bit_heap import BitHeap
from hw.macro.feeders.base import Feeder
from hw.macro.feeders.lines import choose, encode


class RingFeeder(Feeder):
    """T steps: the least T for which every lane's bits fit in its own and its neighbour's slots.

    Lane ``l`` gives its own low bits first, then the high bits that lane ``l - 1`` owes it. Going
    round the ring, ``owed[l + 1] = max(0, owed[l] + bits[l] - T)``; T fits if no lane owes more
    than T (Hall's theorem): if no arc of n lanes has more than ``(n + 1) * T`` bits, and all lanes
    have no more than ``lanes * T``. All arcs are looked at side by side. Our reading of the
    balancing of EBB-CIM (MulTCIM, JSSC 59(1) 2024), which does not publish its crossing network.
    """

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bits, lanes = self.spec.input_bits, self.spec.lanes
        is_signed = self.signed_flag()
        if self.plan.encoding == "sign_magnitude":
            values, signs = self.magnitudes(m)
            lengths = [_length(m, f"{lane}", list(x)) for lane, x in enumerate(values)]
        else:
            values, signs = list(self.i.p.data[0]), [Value.cast(0)] * lanes
            lengths = []
            for lane, x in enumerate(values):
                sign = x[-1] & is_signed
                # A signed input needs one bit more than what differs from its sign.
                marks = x ^ sign.replicate(bits)
                needed = Signal(bits, name=f"needed_{lane}")
                m.d.comb += needed.eq(Mux(is_signed, Cat(x.any(), marks), marks))
                lengths.append(_length(m, f"{lane}", list(needed)))
        sums = self._arcs(m, lengths)
        # chosen[T - 1]: T is the least that fits; every T fits from there on.
        chosen, fits = Signal(bits), Signal(bits)
        m.d.comb += [
            fits.eq(Cat(*(self._fits(m, sums, slots) for slots in range(1, bits)), 1)),
            chosen.eq(fits & ~(fits << 1)),
        ]
        owed = self._owed(m, sums, chosen)
        own = [Signal(range(bits + 1), name=f"own_{lane}") for lane in range(lanes)]
        for lane in range(lanes):
            m.d.comb += own[lane].eq(lengths[lane] - owed[(lane + 1) % lanes])

        index, slots_held = Signal(range(bits)), Signal(range(bits))
        last = Signal()
        m.d.comb += last.eq(index == slots_held)
        load, advance = self.hold(m, first=index == 0, last=last)
        negative, held_signs = Signal(), Signal(lanes)
        held = [Signal(bits, name=f"held_{lane}", reset_less=True) for lane in range(lanes)]
        length_held = [Signal(range(bits + 1), name=f"length_held_{lane}") for lane in range(lanes)]
        own_held = [Signal(range(bits + 1), name=f"own_held_{lane}") for lane in range(lanes)]
        with m.If(load):
            m.d.sync += [index.eq(0), negative.eq(is_signed), held_signs.eq(Cat(signs))]
            m.d.sync += [register.eq(x) for register, x in zip(held, values, strict=True)]
            m.d.sync += [r.eq(x) for r, x in zip(length_held, lengths, strict=True)]
            m.d.sync += slots_held.eq(encode(list(chosen)))
            m.d.sync += [register.eq(x) for register, x in zip(own_held, own, strict=True)]
        with m.Elif(advance):
            m.d.sync += index.eq(index + 1)

        for lane in range(lanes):
            left = lane - 1
            # Where the neighbour's bits go on: beyond those that it gives itself.
            beyond = Signal(range(2 * bits), name=f"beyond_{lane}", reset_less=True)
            borrowed = Signal(name=f"borrowed_{lane}")
            m.d.comb += borrowed.eq(index >= own_held[lane])
            with m.If(load):
                m.d.sync += beyond.eq(own[left])
            with m.Elif(advance & borrowed):
                m.d.sync += beyond.eq(beyond + 1)
            present = beyond < length_held[left]
            left_bit = held[left].bit_select(beyond[: len(index)], 1) & present
            if self.plan.encoding == "twos_complement":
                own_sign = (index + 1 == length_held[lane]) & negative
                left_sign = (beyond + 1 == length_held[left]) & negative
            else:
                own_sign, left_sign = held_signs[lane], held_signs[left]
            m.d.comb += [
                self.o.p.bits[lane].eq(Mux(borrowed, left_bit, held[lane].bit_select(index, 1))),
                self.o.p.borrowed[lane].eq(borrowed),
                self.o.p.shift[lane].eq(Mux(borrowed, beyond, index)),
                self.o.p.negatives[lane].eq(Mux(borrowed, left_sign, own_sign)),
            ]
        return m

    def _arcs(self, m: Module, lengths: list[Value]) -> list[list[Value]]:
        """Bits of 1, 2 ... lanes in a row, by the last of them."""
        lanes, bits = self.spec.lanes, self.spec.input_bits
        arcs = [lengths]
        for count in range(2, lanes + 1):
            near, far = count // 2, count - count // 2
            arcs.append([])
            # All lanes are one arc, wherever it ends.
            for lane in range(lanes if count < lanes else 1):
                heap = BitHeap((bits * count).bit_length())
                heap.add(arcs[near - 1][lane])
                heap.add(arcs[far - 1][lane - near])
                total = Signal(heap.width, name=f"arc_{count}_{lane}")
                m.d.comb += total.eq(heap.sum(m))
                arcs[-1].append(total)
        return arcs

    def _fits(self, m: Module, arcs: list[list[Value]], slots: int) -> Value:
        """Whether T = ``slots`` does: the lanes of an arc have one neighbour more than they are."""
        lanes = self.spec.lanes
        checks = [
            total <= slots * min(count + 1, lanes)
            for count, ends in enumerate(arcs, 1)
            for total in ends
        ]
        fit = Signal(name=f"fits_{slots}")
        m.d.comb += fit.eq(Cat(checks).all())
        return fit

    def _owed(self, m: Module, arcs: list[list[Value]], chosen: Value) -> list[Value]:
        """What is owed to each lane: the most bits that an arc ending at its left has too many."""
        lanes, bits = self.spec.lanes, self.spec.input_bits
        owed = []
        slots = []
        for count in range(1, lanes):
            slots.append(Signal(range(count * bits + 1), name=f"slots_{count}"))
            values = [Const(count * place, len(slots[-1])) for place in range(1, bits + 1)]
            m.d.comb += slots[-1].eq(choose(chosen, values))
        for lane in range(lanes):
            # reached[k]: some arc exceeds its slots by more than k bits.
            reached = Signal(bits, name=f"reached_{lane}")
            marks = []
            for count in range(1, lanes):
                excess = Signal(
                    signed(len(arcs[count - 1][lane - 1]) + 2), name=f"excess_{lane}_{count}"
                )
                m.d.comb += excess.eq(arcs[count - 1][lane - 1] - slots[count - 1])
                marks.append(Cat(excess > place for place in range(bits)))
            m.d.comb += reached.eq(reduce(or_, marks))
            owed.append(encode(list(Cat(~reached[0], reached & ~Cat(reached[1:], 0)))))
        return owed


def _length(m: Module, name: str, bits: list[Value]) -> Value:
    """Place of the highest set bit, counted from one; 0 if none is set."""
    length = Signal(range(len(bits) + 1), name=f"length_{name}")
    for index, bit in enumerate(bits, 1):
        with m.If(bit):
            m.d.comb += length.eq(index)
    return length
