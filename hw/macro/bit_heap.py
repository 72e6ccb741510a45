"""Sums of many small integers as an explicit netlist of full adders."""

import heapq
from collections.abc import Sequence
from itertools import count
from typing import Literal

from amaranth.hdl import Cat, Const, Module, Signal, Value


class BitHeap:
    """Bits sorted by weight, compressed column by column: ``sum(bit << weight) mod 2**width``.

    A full adder turns three bits of one weight into one of the same and one of the next weight, so
    the number of adders is bits in less bits out, whatever the order; the order decides the depth.
    Each adder takes the three bits that arrive first, by a count of gates; of those that arrive
    together the newest, which measures smaller, or the oldest, which is as shallow as can be. The
    sign of a two's-complement term enters as its complement and a constant, so nothing is
    sign-extended, and all constants fold into one.
    Source: F. de Dinechin et al., "Arithmetic core generation using bit heaps", FPL 2013.
    """

    def __init__(self, width: int, *, ties: Literal["newest", "oldest"] = "newest") -> None:
        self.width = width
        self.constant = 0
        self.depths: list[int] = []
        self._order = count(0, -1 if ties == "newest" else 1)
        self._columns: list[list[tuple[int, int, Value]]] = [[] for _ in range(width)]

    def add_bit(self, bit: Value, weight: int, depth: int = 0) -> None:
        """Add ``bit << weight``; ``depth`` is when it arrives, in gates."""
        if weight < self.width:
            heapq.heappush(self._columns[weight], (depth, next(self._order), bit))

    def add(
        self,
        term: Value,
        shift: int = 0,
        *,
        signed: bool | None = None,
        negate: Value | None = None,
        depth: int | Sequence[int] = 0,
    ) -> None:
        """Add ``term << shift``, or its negative where the bit ``negate`` is set.

        ``depth`` is when it arrives, or when each of its bits does.
        """
        signed = term.shape().signed if signed is None else signed
        bits = list(term)
        depths = _depths(depth, len(bits))
        if negate is not None:
            # -x = ~x + 1, also for unsigned x when the complement's sign counts.
            bits = [bit ^ negate for bit in bits]
            self.add_bit(negate, shift)
            depths = [one + 1 for one in depths]
            if not signed:
                # ~x of an unsigned x has a sign bit of its own: -(2**n) where negated.
                bits.append(negate)
                depths.append(0)
                signed = True
        if signed:
            bits[-1] = ~bits[-1]
            self.constant -= 1 << (shift + len(bits) - 1)
        self._add_bits(bits, shift, depths)

    def subtract(self, term: Value, shift: int = 0, *, depth: int | Sequence[int] = 0) -> None:
        """Add ``-(term << shift)``: the complement, and constants."""
        bits = [~bit for bit in term]
        self.constant += 1 << shift
        if term.shape().signed:
            bits[-1] = ~bits[-1]
            self.constant -= 1 << (shift + len(bits) - 1)
        else:
            self.constant -= 1 << (shift + len(bits))
        self._add_bits(bits, shift, _depths(depth, len(bits)))

    def sum(self, m: Module) -> Value:
        """Compress to one bit a weight and return the sum, unsigned, ``width`` bits.

        ``depths`` then tells when each of its bits arrives.
        """
        self._place_constant()
        bits: list[Value] = []
        for weight, column in enumerate(self._columns):
            while len(column) > 2:
                self._full_adder(m, weight, column)
            if len(column) == 2:
                self._half_adder(m, weight, column)
            depth, _, bit = column[0] if column else (0, 0, Const(0, 1))
            bits.append(bit)
            self.depths.append(depth)
        return Cat(bits)

    def _add_bits(self, bits: list[Value], shift: int, depths: list[int]) -> None:
        for weight, (bit, depth) in enumerate(zip(bits, depths, strict=True), shift):
            self.add_bit(bit, weight, depth)

    def _place_constant(self) -> None:
        for weight in range(self.width):
            if (self.constant >> weight) & 1:
                # Depth -1: a constant is always taken first, and costs less than a bit.
                heapq.heappush(self._columns[weight], (-1, next(self._order), Const(1, 1)))
        self.constant = 0

    def _full_adder(self, m: Module, weight: int, column: list[tuple[int, int, Value]]) -> None:
        (da, _, a), (db, _, b), (dc, _, c) = (heapq.heappop(column) for _ in range(3))
        if isinstance(a, Const):
            half, carry = ~(b ^ c), b | c
            self._push(m, weight, half, max(db, dc) + 2, carry, max(db, dc) + 1)
            return
        # Sums out of the carries' own gates, not as exclusive ors: mappers share more.
        both, half_sum, second = (Signal(name=f"{name}{weight}") for name in "ghe")
        m.d.comb += [
            both.eq(a & b),
            half_sum.eq((a | b) & ~both),
            second.eq(half_sum & c),
        ]
        depth = max(max(da, db) + 2, dc)
        # A carry counts a gate more than it has: late adders are given it, which is smaller.
        self._push(m, weight, (half_sum | c) & ~second, depth + 2, both | second, depth + 3)

    def _half_adder(self, m: Module, weight: int, column: list[tuple[int, int, Value]]) -> None:
        (da, _, a), (db, _, b) = (heapq.heappop(column) for _ in range(2))
        if isinstance(a, Const):
            self._push(m, weight, ~b, db, b, db)
            return
        self._push(m, weight, a ^ b, max(da, db) + 2, a & b, max(da, db) + 1)

    def _push(
        self, m: Module, weight: int, total: Value, depth: int, carry: Value, carry_depth: int
    ) -> None:
        total_bit, carry_bit = Signal(name=f"s{weight}"), Signal(name=f"c{weight}")
        m.d.comb += [total_bit.eq(total), carry_bit.eq(carry)]
        self.add_bit(total_bit, weight, depth)
        self.add_bit(carry_bit, weight + 1, carry_depth)


def _depths(depth: int | Sequence[int], width: int) -> list[int]:
    return [depth] * width if isinstance(depth, int) else list(depth)
