"""The products of a column: signed codes or wider unsigned probabilities, times signed weights."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from golden.spec import ceil_log2
from hw.engine.layout import input_layout
from hw.engine.plan import CODE_BITS, EnginePlan
from hw.engine.rescale import ALWAYS
from hw.macro.bit_heap import BitHeap
from hw.macro.product_sum import Choices
from hw.pipeline import held


def input_bits(spec: AttentionSpec, plan: EnginePlan) -> int:
    """Width of what enters a lane."""
    return Shape.cast(input_layout(spec, plan).elem_shape).width


def drive_layout(spec: AttentionSpec, plan: EnginePlan) -> data.StructLayout:
    """Lines of all columns; a platform's form of the arithmetic uses the first or the others.

    values
        Per lane a signed multiplier.
    planes, signed
        Per bit of the inputs and pair of lanes: only the first, only the second, both; whether the
        highest bit of a code counts negative.
    """
    bits = input_bits(spec, plan)
    return data.StructLayout({
        "values": data.ArrayLayout(signed(bits + 1), plan.lanes),
        "planes": data.ArrayLayout(unsigned(3 * (plan.lanes // 2)), bits),
        "signed": unsigned(1),
    })


class Drive(wiring.Component):
    """Decodes what enters the lanes, once for all columns. Combinational.

    Members
    -------
    x, signed : codes, whose bits above ``CODE_BITS`` are zero, or probabilities
    o : lines; those that the platform's arithmetic does not read stay zero
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        super().__init__({
            "x": In(input_layout(spec, plan)),
            "signed": In(1),
            "o": Out(drive_layout(spec, plan)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        if getattr(platform, "arithmetic", "words") == "words":
            for value, x in zip(self.o.values, self.x, strict=True):
                m.d.comb += value.eq(Mux(self.signed, x[:CODE_BITS].as_signed(), x))
            return m
        m.d.comb += self.o.signed.eq(self.signed)
        for plane, lines in enumerate(self.o.planes):
            bits = [x[plane] for x in self.x]
            pairs = zip(bits[0::2], bits[1::2], strict=True)
            m.d.comb += lines.eq(Cat(Cat(a & ~b, b & ~a, a & b) for a, b in pairs))
        return m


class Products(wiring.Component):
    """``o = (sum(value[l] * w[l] for l in lanes) + addend) mod 2**bits``, the addend a cycle later.

    The platform's ``arithmetic`` chooses the form, as of ``hw.macro.product_sum``: words are quick
    to simulate; gates select per bit of the inputs and pair of lanes 0, w0, w1 or w0 + w1. A
    register stands behind the multipliers, or behind the sum of the gates, which is narrower.

    Members
    -------
    drive : lines of all columns
    weights : the column's weights, raw bits
    addend : what is kept of the sum so far, one cycle after drive and weights
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        self.bits = plan.context_bits(spec)
        super().__init__({
            "drive": In(drive_layout(spec, plan)),
            "weights": In(data.ArrayLayout(unsigned(CODE_BITS), plan.lanes)),
            "addend": In(signed(self.bits)),
            "o": Out(signed(self.bits)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        weights = [w.as_signed() for w in self.weights]
        if getattr(platform, "arithmetic", "words") == "words":
            pairs = zip(self.drive.values, weights, strict=True)
            products = [
                held(m, ALWAYS, f"product_{lane}", x * w) for lane, (x, w) in enumerate(pairs)
            ]
            m.d.comb += self.o.eq(sum(products, self.addend))
            return m
        column, macro = self.plan.column(self.spec), self.plan.macro
        choices = Choices(m, column, macro, self.drive, weights)
        product_bits = input_bits(self.spec, self.plan) + CODE_BITS
        heap = BitHeap(min(self.bits, product_bits + ceil_log2(self.plan.lanes)))
        for plane, lines in enumerate(self.drive.planes):
            terms = choices.terms(m, lines)
            if plane != CODE_BITS - 1:
                for term in terms:
                    heap.add(term.value, plane, depth=term.depths)
                continue
            # Only the plane's sum is negated, not each of its terms.
            width = len(terms[0].value) + len(terms).bit_length()
            negative = BitHeap(width, ties="oldest")
            for term in terms:
                negative.add(term.value, depth=term.depths)
            total = Signal(signed(width))
            m.d.comb += total.eq(negative.sum(m))
            heap.add(total, plane, negate=self.drive.signed, depth=negative.depths)
        products = held(m, ALWAYS, "products", heap.sum(m).as_signed())
        m.d.comb += self.o.eq(products + self.addend)
        return m
