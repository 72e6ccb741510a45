"""Whether an instruction of the vector unit leaves the buffer."""

from typing import Any

from amaranth.hdl import Module, Mux, Value, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.faults import outside_buffer
from hw.accelerator.vector.decode import is_opcode, row_slots, settings_layout
from hw.accelerator.vector.fields import Combine, Opcode
from hw.accelerator.vector.plan import VectorPlan


class Bounds(wiring.Component):
    """``outside``: an operand that is read or a result that is written ends behind the buffer.

    Members
    -------
    settings : an instruction that does something
    outside : told in the same cycle
    """

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        super().__init__({"settings": In(settings_layout(plan)), "outside": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        settings, slots = self.settings, row_slots(self.settings)
        flags, rows, words = settings.flags, settings.rows, settings.words
        loads = settings.opcode[1]
        folds = is_opcode(settings, Opcode.REDUCE)
        lstm = flags.combine == Combine.CELL
        results = flags.rows | flags.argmax | flags.top_k
        written = Mux(flags.rows, words, Mux(flags.top_k, slots.ranks, 1))
        # A window is as long as its rows, and begins where c would.
        window = Mux(folds, (settings.length - 1).as_unsigned() * slots.a_stride, 0)
        steps = Mux(folds, slots.c_stride, slots.a_stride)
        # Before the buffer is as far outside as behind it.
        d = (slots.c + slots.d_distance).as_unsigned()
        with m.If(loads):
            m.d.comb += self.outside.eq(self._outside(slots.a, 0, 1, words))
        with m.Else():
            m.d.comb += self.outside.eq(
                self._outside(slots.a, steps, rows, words + window)
                | (
                    (flags.combine != Combine.PASS)
                    & self._outside(slots.b, slots.b_stride, rows, words)
                )
                | (
                    (lstm | (flags.combine == Combine.GRU))
                    & self._outside(slots.c, slots.c_stride, rows, words)
                )
                | (lstm & self._outside(d, slots.c_stride, rows, words))
                | (results & self._outside(slots.rows, slots.rows_stride, rows, written))
                | (
                    flags.codes
                    & self._outside(
                        slots.codes, slots.codes_stride, rows, settings.code_words + flags.header
                    )
                )
            )
        return m

    def _outside(self, *walk: ValueLike) -> Value:
        return outside_buffer(1 << self.plan.address_bits, *map(Value.cast, walk))
