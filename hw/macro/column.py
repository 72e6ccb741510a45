"""One column of a macro: bitcells, products, adder tree and shift accumulator."""

from dataclasses import replace
from typing import Any

from amaranth.hdl import Cat, Module, Shape, Signal, signed, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.spec import MacroSpec
from hw.macro.bitcells import Bitcells
from hw.macro.drive import drive_layout
from hw.macro.plan import MacroPlan
from hw.macro.product_sum import ProductSum
from hw.macro.step import digit_count
from hw.platform import Shared


class Column(Shared):
    """Accumulates the steps of an input vector: ``o = sum(x[l] * w[set][l] for l in lanes)``.

    ``fixed`` goes up from the lowest digit, ``A = (A >> b) + S``: what is shifted out is final, so
    the adder is as narrow as a step's sum. ``skip`` and ``spill`` come down from the highest,
    ``A = (A << b) + S``, since they stop at different lengths. ``ring`` adds at full width. The sum
    is in ``o`` one cycle after the last step, until the next enabled step.

    Members
    -------
    enable, first : take this step; it starts a sum
    drive, set : what all columns of the macro are told
    write, write_set, write_data : see ``Bitcells``
    """

    def __init__(self, spec: MacroSpec, plan: MacroPlan) -> None:
        self.spec = replace(spec, columns=1)
        self.plan = plan
        self.key = f"column_{spec_key(self.spec)}_{plan_key(plan)}"
        super().__init__({
            "enable": In(1),
            "first": In(1),
            "set": In(spec.set_bits),
            "drive": In(drive_layout(spec, plan)),
            "write": In(spec.lanes),
            "write_set": In(spec.set_bits),
            "write_data": In(data.ArrayLayout(unsigned(spec.weight_bits), plan.weight_lanes)),
            "o": Out(data.ArrayLayout(signed(spec.sum_bits), plan.tokens)),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        m.submodules.bitcells = cells = Bitcells(self.spec, self.plan)
        m.d.comb += [
            cells.write.eq(self.write),
            cells.write_set.eq(self.write_set),
            cells.write_data.eq(self.write_data),
            cells.set.eq(self.set),
        ]
        (self._from_low if self.plan.feeder == "fixed" else self._from_high)(m, cells.q)
        return m

    def _from_low(self, m: Module, weights: data.View) -> None:
        digits, step_bits = digit_count(self.spec, self.plan), self.plan.bits_per_cycle
        low_bits = (digits - 1) * step_bits
        extra = digits * step_bits - self.spec.input_bits
        # Unsigned weights leave no negative partial sum to be shifted.
        shape = Shape(self.spec.sum_bits + extra - low_bits, self.spec.weight_signed)
        highs = self._accumulators("high", shape)
        total = self._product_sum(m, weights, (highs[0] >> step_bits).shape(), shape.width)
        for token, high in enumerate(highs):
            low = Signal(low_bits, name=f"low_{token}", reset_less=True)
            if digits > 1:
                with m.If(~self.first):
                    m.d.comb += total.addend[token].eq(high >> step_bits)
            with m.If(self.enable):
                m.d.sync += high.eq(total.o[token])
                m.d.sync += low.eq(Cat(low[step_bits:], high[:step_bits]))
            m.d.comb += self.o[token].eq(Cat(low, high))

    def _from_high(self, m: Module, weights: data.View) -> None:
        shift = 0 if self.plan.feeder == "ring" else self.plan.bits_per_cycle
        shape = signed(self.spec.sum_bits)
        total = self._product_sum(m, weights, shape, shape.width)
        for token, accumulator in enumerate(self._accumulators("accumulator", shape)):
            with m.If(~self.first):
                m.d.comb += total.addend[token].eq(accumulator << shift)
            with m.If(self.enable):
                m.d.sync += accumulator.eq(total.o[token])
            m.d.comb += self.o[token].eq(accumulator)

    def _accumulators(self, name: str, shape: Shape) -> list[Signal]:
        tokens = range(self.plan.tokens)
        return [Signal(shape, name=f"{name}_{token}", reset_less=True) for token in tokens]

    def _product_sum(self, m: Module, weights: data.View, addend: Shape, width: int) -> ProductSum:
        m.submodules.product_sum = total = ProductSum(self.spec, self.plan, addend, width)
        m.d.comb += [total.drive.eq(self.drive), total.weights.eq(weights)]
        return total


def spec_key(spec: MacroSpec) -> str:
    """Short Verilog-safe name of a macro spec."""
    sign = spec.input_sign[0] + ("s" if spec.weight_signed else "u")
    size = f"{spec.lanes}x{spec.columns}x{spec.weight_sets}"
    return f"{size}_i{spec.input_bits}w{spec.weight_bits}{sign}"


def plan_key(plan: MacroPlan) -> str:
    """Short Verilog-safe name of a macro plan."""
    encoding = "sm" if plan.encoding == "sign_magnitude" else "tc"
    return (
        f"{plan.feeder}{plan.helpers or ''}_{encoding}_b{plan.bits_per_cycle}_{plan.products}"
        f"_t{plan.tokens}_l{plan.weight_lanes}"
    )
