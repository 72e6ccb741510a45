"""One column's sum of products, in two forms of the same function."""

from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Shape, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import MacroSpec
from hw.macro.bit_heap import BitHeap
from hw.macro.drive import drive_layout
from hw.macro.plan import MacroPlan


class ProductSum(wiring.Component):
    """``o[t] = (sum(value[t][l] * w[l] for l in lanes) + addend[t]) mod 2**width``. Combinational.

    The platform's ``arithmetic`` chooses the form: "words" is written as multiplications and quick
    to simulate; "gates" is the circuit, selected weights in a bit heap. ``sim.equivalence`` proves
    that they are the same function.

    Members
    -------
    drive : what is added of which weight (``hw.macro.drive``)
    weights : the column's weights, raw bits
    addend : what is kept of the sum so far
    """

    def __init__(self, spec: MacroSpec, plan: MacroPlan, addend: Shape, width: int) -> None:
        self.spec, self.plan, self.width = spec, plan, width
        super().__init__({
            "drive": In(drive_layout(spec, plan)),
            "weights": In(data.ArrayLayout(unsigned(spec.weight_bits), spec.lanes)),
            "addend": In(data.ArrayLayout(addend, plan.tokens)),
            "o": Out(data.ArrayLayout(unsigned(width), plan.tokens)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        weights = [w.as_signed() if self.spec.weight_signed else w for w in self.weights]
        if getattr(platform, "arithmetic", "words") == "words":
            for token in range(self.plan.tokens):
                m.d.comb += self.o[token].eq(self._words(weights, token))
            return m
        choices = Choices(m, self.spec, self.plan, self.drive, weights)
        for token in range(self.plan.tokens):
            m.d.comb += self.o[token].eq(self._gates(m, choices, token))
        return m

    def _words(self, weights: list[Value], token: int) -> Value:
        drive, total = self.drive, self.addend[token]
        for lane, weight in enumerate(weights):
            if self.plan.feeder == "ring":
                weight = Mux(drive.borrowed[lane], weights[lane - 1], weight)
            total = total + drive.values[token][lane] * weight
        for helper in range(self.plan.helpers):
            weight = Array(weights)[drive.helper_indices[helper]]
            total = total + drive.helper_values[helper] * weight
        return total

    def _gates(self, m: Module, choices: "Choices", token: int) -> Value:
        spec, plan, drive = self.spec, self.plan, self.drive
        heap = BitHeap(self.width)
        heap.add(self.addend[token])
        if "correction" in drive.shape().members:
            heap.add(drive.correction)
        if plan.feeder == "ring":
            for lane in range(spec.lanes):
                heap.add(choices.ring_term(m, drive, lane), depth=10)
            return heap.sum(m)
        top = plan.bits_per_cycle - 1
        may_be_negative = plan.encoding == "twos_complement" and spec.input_sign != "unsigned"
        for plane in range(plan.bits_per_cycle):
            terms = choices.terms(m, drive.planes[token][plane])
            if plane < top or not may_be_negative:
                for term in terms:
                    heap.add(term, plane, depth=choices.depth)
                continue
            # Only the plane's sum is negated, not each of its terms.
            total = _sum(m, [(term, 0) for term in terms], choices.depth)
            heap.add(total, plane, negate=drive.negative, depth=choices.depth + 8)
        for helper in range(plan.helpers):
            heap.add(choices.helper_term(m, drive, helper), depth=8)
        return heap.sum(m)


class Choices:
    """What a bit plane may add for one column: the weights, and sums of two.

    Per two lanes with the selects (first, second, both): one of 0, w0, w1, w0 + w1. The sum is
    formed once and serves every bit plane and token.
    """

    def __init__(
        self,
        m: Module,
        spec: MacroSpec,
        plan: MacroPlan,
        drive: data.View,
        weights: list[Value],
    ) -> None:
        self.plan, self.weights = plan, weights
        self.depth = 3 if plan.products == "plain" else 6
        if plan.encoding == "sign_magnitude" and plan.feeder != "ring":
            # -w = ~w + 1; the ones are in the drive's correction.
            weights = [_complement(w, drive.signs[lane]) for lane, w in enumerate(weights)]
        self.groups: list[list[Value]] = [[weight] for weight in weights]
        if plan.products == "pairs":
            pairs = list(zip(weights[0::2], weights[1::2], strict=False))
            self.groups = [[a, b, _sum(m, [(a, 0), (b, 0)])] for a, b in pairs]
            self.groups += [[weight] for weight in weights[2 * len(pairs) :]]

    def terms(self, m: Module, lines: Value) -> list[Value]:
        """Return the terms of one bit plane."""
        terms, line = [], 0
        for group in self.groups:
            terms.append(_select(m, group, lines[line : line + len(group)]))
            line += len(group)
        return terms

    def helper_term(self, m: Module, drive: data.View, helper: int) -> Value:
        """Return a helper's digit times the weight that it chose, at its place."""
        weight = _select(m, self.weights, drive.helper_lanes[helper])
        weight = _complement(weight, drive.helper_signs[helper])
        digit = drive.helper_digits[helper]
        term = _sum(m, [(_select(m, [weight], bit), plane) for plane, bit in enumerate(digit)])
        return term << (drive.helper_shifts[helper] * self.plan.bits_per_cycle)

    def ring_term(self, m: Module, drive: data.View, lane: int) -> Value:
        """Return the weight that a lane of the ring takes in this step, at its bit's place."""
        own, left = self.weights[lane], self.weights[lane - 1]
        chosen = _select(m, [own, left], Cat(~drive.borrowed[lane], drive.borrowed[lane]))
        chosen = _complement(chosen, drive.signs[lane])
        return _select(m, [chosen], drive.bits[lane]) << drive.shift[lane]


def _select(m: Module, choices: list[Value], lines: Value) -> Value:
    """Return ``or(choice & line)`` of one-hot lines, as wide as the widest choice.

    It is a signal: a heap takes it bit by bit, and Verilog would repeat the expression for each.
    """
    signed = choices[0].shape().signed
    width = max(len(choice) for choice in choices)
    total: Value = Const(0, width)
    for choice, line in zip(choices, lines, strict=True):
        sign = choice[-1] if signed else Const(0, 1)
        extended = Cat(choice, sign.replicate(width - len(choice)))
        total = total | (extended & line.replicate(width))
    selected = Signal(Shape(width, signed), name="selected")
    m.d.comb += selected.eq(total)
    return selected


def _sum(m: Module, terms: list[tuple[Value, int]], depth: int = 0) -> Value:
    """Return the exact sum of ``term << shift``."""
    if len(terms) == 1:
        return terms[0][0] << terms[0][1]
    signed = terms[0][0].shape().signed
    width = max(len(term) + shift for term, shift in terms) + (len(terms) - 1).bit_length()
    heap = BitHeap(width)
    for term, shift in terms:
        heap.add(term, shift, depth=depth)
    total = Signal(Shape(width, signed), name="total")
    m.d.comb += total.eq(heap.sum(m))
    return total


def _complement(weight: Value, negate: Value) -> Value:
    """Return ``weight ^ negate`` as a two's-complement number, also of an unsigned weight."""
    bits = weight.as_unsigned() ^ negate.replicate(len(weight))
    return bits.as_signed() if weight.shape().signed else Cat(bits, negate).as_signed()
