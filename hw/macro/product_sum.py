"""One column's sum of products, in two forms of the same function."""

from typing import Any, NamedTuple

from amaranth.hdl import Array, Cat, Const, Module, Mux, Shape, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import MacroSpec
from hw.macro.bit_heap import BitHeap
from hw.macro.drive import drive_layout
from hw.macro.plan import MacroPlan
from hw.macro.step import digit_count


class ProductSum(wiring.Component):
    """``o[t] = (sum(value[t][l] * w[l] for l in lanes) + addend[t]) mod 2**width``. Combinational.

    The platform's ``arithmetic`` chooses the form: "words" is written as multiplications and quick
    to simulate; "gates" is the circuit, selected weights in a bit heap. ``hw.equivalence`` proves
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
                    heap.add(term.value, plane, depth=term.depths)
            elif spec.input_sign == "signed" and digit_count(spec, plan) == 1:
                for term in terms:
                    heap.subtract(term.value, plane, depth=term.depths)
            else:
                # Only the plane's sum is negated, not each of its terms.
                total = _sum(m, terms)
                heap.add(total.value, plane, negate=drive.negative, depth=total.depths)
        for helper in range(plan.helpers):
            heap.add(choices.helper_term(m, drive, helper), depth=8)
        return heap.sum(m)


class Term(NamedTuple):
    """A number, and when each of its bits arrives, in gates after the weights."""

    value: Value
    depths: list[int]


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
        if plan.encoding == "sign_magnitude" and plan.feeder != "ring":
            # -w = ~w + 1; the ones are in the drive's correction.
            weights = [_complement(w, drive.signs[lane]) for lane, w in enumerate(weights)]
        terms = [Term(weight, [0] * len(weight)) for weight in weights]
        self.groups: list[list[Term]] = [[term] for term in terms]
        if plan.products == "pairs":
            pairs = list(zip(terms[0::2], terms[1::2], strict=False))
            self.groups = [[a, b, _sum(m, [a, b])] for a, b in pairs]
            self.groups += [[term] for term in terms[2 * len(pairs) :]]

    def terms(self, m: Module, lines: Value) -> list[Term]:
        """Return the terms of one bit plane."""
        terms, line = [], 0
        for group in self.groups:
            chosen = _select(m, [term.value for term in group], lines[line : line + len(group)])
            # The last of several choices is the late one: an and, and an or.
            late = 1 if len(group) == 1 else 2
            depths = [max(depth, 1) + late for depth in group[-1].depths]
            terms.append(Term(chosen, depths))
            line += len(group)
        return terms

    def helper_term(self, m: Module, drive: data.View, helper: int) -> Value:
        """Return a helper's digit times the weight that it chose, at its place."""
        weight = _select(m, self.weights, drive.helper_lanes[helper])
        weight = _complement(weight, drive.helper_signs[helper])
        digit = drive.helper_digits[helper]
        planes = [Term(_select(m, [weight], bit), [0] * len(weight)) for bit in digit]
        term = _sum(m, planes, step=1).value
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


def _sum(m: Module, terms: list[Term], step: int = 0) -> Term:
    """Return the exact sum of the terms, each ``step`` places above the one before."""
    if len(terms) == 1:
        return terms[0]
    signed = terms[0].value.shape().signed
    width = max(len(term.value) + step * index for index, term in enumerate(terms))
    # Another sum follows, so depth counts.
    heap = BitHeap(width + (len(terms) - 1).bit_length(), ties="oldest")
    for index, term in enumerate(terms):
        heap.add(term.value, step * index, depth=term.depths)
    total = Signal(Shape(heap.width, signed), name="total")
    m.d.comb += total.eq(heap.sum(m))
    return Term(total, heap.depths)


def _complement(weight: Value, negate: Value) -> Value:
    """Return ``weight ^ negate`` as a two's-complement number, also of an unsigned weight."""
    bits = weight.as_unsigned() ^ negate.replicate(len(weight))
    return bits.as_signed() if weight.shape().signed else Cat(bits, negate).as_signed()
