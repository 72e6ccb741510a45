"""Sums of many small integers as an explicit netlist of full adders."""

import heapq
from itertools import count

from amaranth.hdl import Cat, Const, Module, Signal, Value


class BitHeap:
    """Bits sorted by weight, compressed column by column: ``sum(bit << weight) mod 2**width``.

    A full adder turns three bits of one weight into one of the same and one of the next weight, so
    the number of adders is bits in less bits out, whatever the order; the order decides the depth.
    Each adder takes the three bits that arrive first. The sign of a two's-complement term enters as
    its complement and a constant, so nothing is sign-extended, and all constants fold into one.
    Source: F. de Dinechin et al., "Arithmetic core generation using bit heaps", FPL 2013.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.constant = 0
        self._order = count()
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
        depth: int = 0,
    ) -> None:
        """Add ``term << shift``, or its negative where the bit ``negate`` is set."""
        signed = term.shape().signed if signed is None else signed
        bits = list(term)
        if negate is not None:
            # -x = ~x + 1, also for unsigned x when the complement's sign counts.
            bits = [bit ^ negate for bit in bits]
            self.add_bit(negate, shift)
            depth += 2
            if not signed:
                # ~x of an unsigned x has a sign bit of its own: -(2**n) where negated.
                bits.append(negate)
                signed = True
        if signed:
            bits[-1] = ~bits[-1]
            self.constant -= 1 << (shift + len(bits) - 1)
        for weight, bit in enumerate(bits, shift):
            self.add_bit(bit, weight, depth)

    def subtract(self, term: Value, shift: int = 0, *, depth: int = 0) -> None:
        """Add ``-(term << shift)``: the complement, and constants."""
        bits = [~bit for bit in term]
        self.constant += 1 << shift
        if term.shape().signed:
            bits[-1] = ~bits[-1]
            self.constant -= 1 << (shift + len(bits) - 1)
        else:
            self.constant -= 1 << (shift + len(bits))
        for weight, bit in enumerate(bits, shift):
            self.add_bit(bit, weight, depth)

    def reduce(self, m: Module) -> list[list[Value]]:
        """Compress to at most two bits a weight (carry-save) and return them by weight."""
        rows: list[list[Value]] = []
        self._place_constant()
        for weight, column in enumerate(self._columns):
            while len(column) > 2:
                self._full_adder(m, weight, column)
            rows.append([bit for _, _, bit in column])
        return rows

    def sum(self, m: Module) -> Value:
        """Compress to one bit a weight and return the sum, unsigned, ``width`` bits."""
        self._place_constant()
        bits: list[Value] = []
        for weight, column in enumerate(self._columns):
            while len(column) > 2:
                self._full_adder(m, weight, column)
            if len(column) == 2:
                self._half_adder(m, weight, column)
            bits.append(column[0][2] if column else Const(0, 1))
        return Cat(bits)

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
        half_sum = Signal(name=f"p{weight}")
        m.d.comb += half_sum.eq(a ^ b)
        carry = (a & b) | (half_sum & c)
        depth = max(da, db) + 2
        self._push(m, weight, half_sum ^ c, max(depth, dc) + 2, carry, max(depth, dc) + 2)

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
