"""One column of the engine's array: a key and one part of the values, and their products."""

from typing import Any

from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from hw.engine.plan import EnginePlan
from hw.engine.products import Products, drive_layout, input_bits
from hw.macro.bitcells import Bitcells
from hw.macro.column import spec_key
from hw.platform import Shared


class EngineColumn(Shared):
    """``o = sum(x[l] * w[set][l] for l in lanes) + addend``, kept while enabled.

    The addend is the old context, or with ``adds`` the sum so far. Latency is two cycles.

    Members
    -------
    drive, set : what all columns are told
    enable : take a new sum, one cycle after drive and set, as the next two
    adds, addend : to the sum so far, or to what is given
    write, write_set, write_data : see ``Bitcells``
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        self.column = plan.column(spec)
        self.bits = plan.context_bits(spec)
        self.key = f"engine_{spec_key(self.column)}_x{input_bits(spec, plan)}_s{self.bits}"
        super().__init__({
            "enable": In(1),
            "adds": In(1),
            "addend": In(signed(self.bits)),
            "set": In(self.column.set_bits),
            "drive": In(drive_layout(spec, plan)),
            "write": In(plan.lanes),
            "write_set": In(self.column.set_bits),
            "write_data": In(data.ArrayLayout(unsigned(8), plan.lanes)),
            "o": Out(signed(self.bits)),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        m.submodules.bitcells = cells = Bitcells(self.column, self.plan.macro)
        m.submodules.products = total = Products(self.spec, self.plan)
        kept = Signal(signed(self.bits), reset_less=True)
        with m.If(self.enable):
            m.d.sync += kept.eq(total.o)
        with m.If(self.adds):
            m.d.comb += total.addend.eq(kept)
        with m.Else():
            m.d.comb += total.addend.eq(self.addend)
        m.d.comb += [
            cells.write.eq(self.write),
            cells.write_set.eq(self.write_set),
            cells.write_data.eq(self.write_data),
            cells.set.eq(self.set),
            total.drive.eq(self.drive),
            total.weights.eq(cells.q),
            self.o.eq(kept),
        ]
        return m
