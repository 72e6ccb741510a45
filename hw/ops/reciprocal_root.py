"""``1 / sqrt(n)`` as a row scale: leading pair of bits, and a table for what follows it."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib.wiring import In, Out

from golden.table_spec import ReciprocalRootSpec
from hw.ops.interpolate import Interpolation
from hw.pipeline import held
from hw.platform import Shared


class ReciprocalRoot(Shared):
    """Row scale ``mantissa * 2**exponent = 1 / sqrt(n)`` of ``n >= 1``; that of 0 means nothing.

    ``n = w * 4**j`` with ``1 <= w < 4``: the pairs of zeros above ``n`` are counted and shifted
    away in ``SHIFT_STAGES``, then a table gives the mantissa for ``w``. Latency is ``STAGES``
    enabled cycles, throughput one scale in each. The error is that of
    ``golden.ops.reciprocal_root``.

    Members
    -------
    enable : all stages move
    n : unsigned, of ``input_bits`` bits
    mantissa, exponent : the row scale
    """

    SHIFT_STAGES = 4
    STAGES = SHIFT_STAGES + Interpolation.STAGES

    def __init__(self, spec: ReciprocalRootSpec, input_bits: int) -> None:
        self.spec, self.input_bits = spec, input_bits
        self.key = (
            f"reciprocal_root_n{input_bits}f{spec.fraction_bits}x{spec.index_bits}"
            f"m{spec.mantissa_bits}"
        )
        # What the table reads must fit below the leading pair.
        self._pairs = (max(input_bits, spec.fraction_bits + 2) + 1) // 2
        lowest = self._pairs + spec.mantissa_bits
        super().__init__({
            "enable": In(1),
            "n": In(input_bits),
            "mantissa": Out(spec.mantissa_bits),
            "exponent": Out(signed(lowest.bit_length() + 1)),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        spec, pairs = self.spec, self._pairs
        n: Value = Cat(self.n, Const(0, 2 * pairs - self.input_bits))
        places = (pairs - 1).bit_length()
        zeros: Value = Const(0, 0)
        for place in reversed(range(places)):
            bits = 2 << place
            moves = Signal(name=f"moves_{1 << place}")
            m.d.comb += moves.eq(~n[-bits:].any())
            n = Mux(moves, Cat(Const(0, bits), n[:-bits]), n)
            # Bits that no further shift brings into the table's input are left out.
            n = n[-min(len(n), spec.fraction_bits + bits) :]
            zeros = Cat(moves, zeros)
            if place > places - self.SHIFT_STAGES:
                n = held(m, self.enable, f"shifted_{place}", n)
                zeros = held(m, self.enable, f"zeros_{place}", zeros)
        rest = self.SHIFT_STAGES - min(places, self.SHIFT_STAGES - 1)
        n = held(m, self.enable, "shifted", n[-(spec.fraction_bits + 2) :], rest)
        zeros = held(m, self.enable, "zeros", zeros, rest + Interpolation.STAGES)
        m.submodules.line = line = Interpolation(spec.table)
        m.d.comb += [
            line.enable.eq(self.enable),
            line.x.eq(n),
            self.mantissa.eq(line.y),
            self.exponent.eq(zeros - (pairs - 1 + spec.mantissa_bits)),
        ]
        return m
