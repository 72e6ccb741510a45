"""The macro for FPGAs: registers after the weights, the products and the levels of the tree."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import MacroSpec, ceil_log2
from hw.macro.bitcells import Bitcells
from hw.macro.column import plan_key, spec_key
from hw.macro.feeders.fixed import FixedFeeder
from hw.macro.plan import MacroPlan
from hw.macro.step import digit_count, vector_layout, weights_layout
from hw.pipeline import held
from hw.platform import Shared


@dataclass(frozen=True, kw_only=True)
class PipelinedPlan:
    """How a macro is cut into stages.

    macro
        Its plan: feeder ``fixed``, products ``plain``, one token.
    products
        ``planes``: per bit of a digit the weights of its lanes are summed, then the sums by their
        places; all of it is carry chains. ``multipliers``: a digit times a weight is a word's
        product, as an FPGA's multipliers take it.
    """

    macro: MacroPlan = field(default_factory=lambda: MacroPlan(products="plain"))
    products: Literal["planes", "multipliers"] = "planes"

    def __post_init__(self) -> None:
        if self.products not in ("planes", "multipliers"):
            raise ValueError(f"products must be 'planes' or 'multipliers', not {self.products!r}")
        plan = self.macro
        if (plan.feeder, plan.products, plan.tokens) != ("fixed", "plain", 1):
            raise ValueError(
                f"a pipelined macro has feeder 'fixed', products 'plain' and one token, not "
                f"{plan.feeder!r}, {plan.products!r} and {plan.tokens}: use hw.macro.macro"
            )

    def tree_stages(self, spec: MacroSpec) -> int:
        """Registers between a step and the sums over its lanes."""
        return (2 if self.products == "multipliers" else 1) + ceil_log2(spec.lanes)

    def stages(self, spec: MacroSpec) -> int:
        """Registers between a step and its accumulator."""
        planes = 1 if self.products == "multipliers" else self.macro.bits_per_cycle
        return self.tree_stages(spec) + ceil_log2(planes)


class PipelinedMacro(Shared):
    """``o[0][c] = sum(i.data[0][l] * w[i.set][l][c] for l in lanes)``, exact.

    As ``hw.macro.macro.Macro`` with the same members, rules and throughput; a result comes
    ``plan.stages(spec)`` cycles later, and all stages wait while it waits. Products and sums are
    written as words for the multipliers and carry chains of an FPGA. Operands have up to 8 bits.

    Members
    -------
    i, weights, o : see ``hw.macro.macro.Macro``
    """

    def __init__(self, spec: MacroSpec, plan: PipelinedPlan | None = None) -> None:
        plan = PipelinedPlan() if plan is None else plan
        plan.macro.require(spec)
        if 16 in (spec.input_bits, spec.weight_bits):
            raise ValueError("a pipelined macro takes operands of up to 8 bits, not 16")
        self.spec, self.plan = spec, plan
        self.key = f"pipelined_macro_{spec_key(spec)}_{plan_key(plan.macro)}_{plan.products}"
        sums = data.ArrayLayout(signed(spec.sum_bits), spec.columns)
        super().__init__({
            "i": In(stream.Signature(vector_layout(spec, plan.macro))),
            "weights": In(stream.Signature(weights_layout(spec, plan.macro))),
            "o": Out(stream.Signature(data.ArrayLayout(sums, 1))),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        spec, plan, stages = self.spec, self.plan, self.plan.stages(self.spec)
        m.submodules.feeder = feeder = FixedFeeder(spec, plan.macro)
        wiring.connect(m, wiring.flipped(self.i), feeder.i)
        step, moves = feeder.o, Signal()
        m.d.comb += [moves.eq(~self.o.valid | self.o.ready), step.ready.eq(moves)]
        valid: Value = step.valid
        for stage in range(1, stages + 1):
            later = Signal(name=f"valid_{stage}")
            with m.If(moves):
                m.d.sync += later.eq(valid)
            valid = later
        first, last = (
            held(m, moves, name, getattr(step.p, name), stages) for name in ("first", "last")
        )
        with m.If(moves):
            m.d.sync += self.o.valid.eq(valid & last)

        write = Signal(spec.lanes)
        m.d.comb += self.weights.ready.eq(~(step.valid & (step.p.set == self.weights.p.set)))
        with m.If(self.weights.valid & self.weights.ready):
            group = Const((1 << plan.macro.weight_lanes) - 1, spec.lanes)
            m.d.comb += write.eq(group << self.weights.p.lane)

        negative = held(m, moves, "negative", step.p.negative, plan.tree_stages(spec))
        for c in range(spec.columns):
            m.submodules[f"column_{c}"] = column = PipelinedColumn(spec, plan)
            m.d.comb += [
                column.moves.eq(moves),
                column.set.eq(step.p.set),
                column.valid.eq(valid),
                column.first.eq(first),
                column.write.eq(write),
                column.write_set.eq(self.weights.p.set),
                column.digits.eq(step.p.digits[0]),
                column.signed.eq(step.p.negative),
                column.negative.eq(negative),
                self.o.p[0][c].eq(column.o),
            ]
            for lane in range(plan.macro.weight_lanes):
                m.d.comb += column.write_data[lane].eq(self.weights.p.data[lane][c])
        return m


class PipelinedColumn(Shared):
    """Weights, products, tree and shift accumulator of one column.

    Members
    -------
    moves : all stages take a step
    set, digits, signed : of the step that enters; whether the digits' top bit counts negative
    negative : the same of the step whose lanes have been summed
    valid, first : of the step that reaches the accumulator
    write, write_set, write_data : see ``hw.macro.bitcells.Bitcells``
    """

    def __init__(self, spec: MacroSpec, plan: PipelinedPlan) -> None:
        self.spec, self.plan = replace(spec, columns=1), plan
        self.key = f"pipelined_column_{spec_key(self.spec)}_{plan_key(plan.macro)}_{plan.products}"
        digit = unsigned(plan.macro.bits_per_cycle)
        weights = data.ArrayLayout(unsigned(spec.weight_bits), plan.macro.weight_lanes)
        super().__init__({
            "moves": In(1),
            "set": In(spec.set_bits),
            "digits": In(data.ArrayLayout(digit, spec.lanes)),
            "signed": In(1),
            "negative": In(1),
            "valid": In(1),
            "first": In(1),
            "write": In(spec.lanes),
            "write_set": In(spec.set_bits),
            "write_data": In(weights),
            "o": Out(signed(spec.sum_bits)),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        m.submodules.bitcells = cells = Bitcells(spec, plan.macro)
        m.d.comb += [
            cells.write.eq(self.write),
            cells.write_set.eq(self.write_set),
            cells.write_data.eq(self.write_data),
            cells.set.eq(self.set),
        ]
        weights = [w.as_signed() if spec.weight_signed else w for w in cells.q]
        multiplied = plan.products == "multipliers"
        self._accumulate(m, (self._multiplied if multiplied else self._planes)(m, weights))
        return m

    def _multiplied(self, m: Module, weights: list[Value]) -> Value:
        """Digit, with its sign, times weight, both from registers into one."""
        terms = []
        for lane, weight in enumerate(weights):
            digit = Cat(self.digits[lane], self.digits[lane][-1] & self.signed).as_signed()
            digit = held(m, self.moves, f"digit_{lane}", digit)
            weight = held(m, self.moves, f"weight_{lane}", weight)
            terms.append(held(m, self.moves, f"product_{lane}", digit * weight))
        return self._tree(m, "sum", terms)

    def _planes(self, m: Module, weights: list[Value]) -> Value:
        """Sums of weights, one a bit of the digits, then those sums by their places."""
        sums = []
        for plane in range(self.plan.macro.bits_per_cycle):
            # A choice between a weight and nothing is the reset of its register.
            chosen = [
                held(m, self.moves, f"chosen_{plane}_{lane}", Mux(digit[plane], weight, 0))
                for lane, (digit, weight) in enumerate(zip(self.digits, weights, strict=True))
            ]
            sums.append(self._tree(m, f"plane_{plane}", chosen))
        sums[-1] = _signed(sums[-1], self.negative)
        level = 0
        while len(sums) > 1:
            pairs = zip(sums[0::2], sums[1::2], strict=True)
            sums = [
                held(m, self.moves, f"place_{level}_{index}", low + (high << (1 << level)))
                for index, (low, high) in enumerate(pairs)
            ]
            level += 1
        return sums[0]

    def _tree(self, m: Module, name: str, terms: list[Any]) -> Value:
        """Sum of ``terms``, two by two, with a register after every level."""
        level = 0
        while len(terms) > 1:
            level += 1
            rest = terms[len(terms) // 2 * 2 :]
            terms = [a + b for a, b in zip(terms[0::2], terms[1::2], strict=False)] + rest
            terms = [
                held(m, self.moves, f"{name}_{level}_{index}", term)
                for index, term in enumerate(terms)
            ]
        return terms[0]

    def _accumulate(self, m: Module, total: Value) -> None:
        """``high = (high >> b) + total``; what is shifted out is final."""
        spec, bits = self.spec, self.plan.macro.bits_per_cycle
        digits = digit_count(spec, self.plan.macro)
        low_bits = (digits - 1) * bits
        width = spec.sum_bits + digits * bits - spec.input_bits - low_bits
        high = Signal(Shape(width, spec.weight_signed), name="high", reset_less=True)
        low = Signal(low_bits, reset_less=True)
        kept = Mux(self.first, 0, high >> bits) if digits > 1 else 0
        with m.If(self.moves & self.valid):
            m.d.sync += [high.eq(kept + total), low.eq(Cat(low[bits:], high[:bits]))]
        m.d.comb += self.o.eq(Cat(low, high))


def _signed(total: Value, negative: Value) -> Value:
    """``-total`` where ``negative``: a sum with it is one carry chain, the one enters below."""
    return Mux(negative, -total, total)
