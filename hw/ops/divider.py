"""``round(numerator / n)`` by restoring division, two bits of the quotient in a stage."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Value
from amaranth.lib.wiring import In, Out

from hw.pipeline import held
from hw.platform import Shared

BITS_PER_STAGE = 2


class Divider(Shared):
    """``quotient = floor(numerator / n + 1/2)``: a constant over an ``n`` whose top bit is set.

    Latency is ``stages`` enabled cycles, throughput one quotient in each.

    Parameters
    ----------
    numerator : below ``2**(quotient_bits + input_bits - 1)``
    input_bits : width of ``n``, which is at least ``2**(input_bits - 1)``
    quotient_bits : width of the result
    """

    def __init__(self, numerator: int, input_bits: int, quotient_bits: int) -> None:
        self.numerator, self.input_bits = numerator, input_bits
        self.quotient_bits = quotient_bits
        self.key = f"divider_{numerator:x}_n{input_bits}q{quotient_bits}"
        super().__init__({"enable": In(1), "n": In(input_bits), "quotient": Out(quotient_bits)})

    @staticmethod
    def stages(quotient_bits: int) -> int:
        """Cycles from ``n`` to its quotient."""
        return -(-quotient_bits // BITS_PER_STAGE)

    def body(self, platform: Any) -> Module:
        m = Module()
        n: Value = self.n
        # Rounded half up; the last bit of n would change no quotient.
        rest: Value = (Const(self.numerator) + n[1:])[: self.quotient_bits + self.input_bits]
        quotient: list[Value] = []
        for place in reversed(range(self.quotient_bits)):
            above = rest[place:]
            trial = above - n
            fits = ~trial[-1]
            left = Mux(fits, trial, above)[: self.input_bits]
            rest = Cat(rest[:place], left)
            quotient = [fits, *quotient]
            if place % BITS_PER_STAGE == 0:
                name = f"{place}"
                rest = held(m, self.enable, f"rest_{name}", rest)
                n = held(m, self.enable, f"n_{name}", n)
                quotient = list(held(m, self.enable, f"quotient_{name}", Cat(quotient)))
        m.d.comb += self.quotient.eq(Cat(quotient))
        return m
