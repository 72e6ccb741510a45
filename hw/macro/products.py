"""One column's sum of products, in two forms of the same function (``platform.arithmetic``).

``words`` is written as multiplications: quick to simulate. ``gates`` is the circuit: selected
weights in a bit heap. Both are ``sum(value[l] * w[l]) + addend mod 2**width``; a proof of their
equality is part of the project's checks.
"""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data

from golden.spec import MacroSpec
from hw.macro.bit_heap import BitHeap
from hw.macro.plan import MacroPlan


def words_sum(
    spec: MacroSpec,
    plan: MacroPlan,
    drive: data.View,
    weights: list[Value],
    token: int,
    addend: Value,
) -> Value:
    """Return the sum as one expression of multiplications."""
    total = addend
    for lane, weight in enumerate(weights):
        if plan.feeder == "ring":
            weight = Mux(drive.borrowed[lane], weights[lane - 1], weight)
        total = total + drive.values[token][lane] * weight
    for helper in range(plan.helpers):
        weight = Array(weights)[drive.helper_indices[helper]]
        total = total + drive.helper_values[helper] * weight
    return total


def gates_sum(
    m: Module,
    spec: MacroSpec,
    plan: MacroPlan,
    drive: data.View,
    choices: "Choices",
    token: int,
    addend: Value,
    width: int,
) -> Value:
    """Return the sum as a netlist of selections and full adders, ``width`` bits."""
    heap = BitHeap(width)
    heap.add(addend)
    if "correction" in drive.shape().members:
        heap.add(drive.correction)
    if plan.feeder == "ring":
        _add_ring(heap, spec, drive, choices)
        return heap.sum(m)
    top = plan.bits_per_cycle - 1
    may_be_negative = plan.encoding == "twos_complement" and spec.input_sign != "unsigned"
    for plane in range(plan.bits_per_cycle):
        terms = choices.terms(drive.planes[token][plane])
        if plane < top or not may_be_negative:
            for term in terms:
                heap.add(term, plane, depth=choices.depth)
            continue
        # Only the plane's sum is negated, not each of its terms.
        total = sum_exactly(m, terms, spec.weight_signed, choices.depth)
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
        self, m: Module, spec: MacroSpec, plan: MacroPlan, drive: data.View, weights: list[Value]
    ) -> None:
        self.spec, self.plan, self.weights = spec, plan, weights
        self.depth = 3 if plan.products == "plain" else 6
        if plan.encoding == "sign_magnitude" and plan.feeder != "ring":
            # -w = ~w + 1; the ones are in the drive's correction.
            weights = [_complement(w, drive.signs[lane]) for lane, w in enumerate(weights)]
        self.signed_weights = weights
        self.groups: list[list[Value]] = [[weight] for weight in weights]
        if plan.products == "pairs":
            pairs = zip(weights[0::2], weights[1::2], strict=False)
            self.groups = [
                [first, second, sum_exactly(m, [first, second], first.shape().signed)]
                for first, second in pairs
            ] + [[weights[-1]]] * (len(weights) % 2)

    def terms(self, lines: Value) -> list[Value]:
        """Return the terms of one bit plane."""
        terms, line = [], 0
        for group in self.groups:
            term = select(group, lines[line : line + len(group)])
            terms.append(term)
            line += len(group)
        return terms

    def helper_term(self, m: Module, drive: data.View, helper: int) -> Value:
        """Return a helper's digit times the weight that it chose, at its place."""
        weight = select(self.weights, drive.helper_lanes[helper])
        weight = _complement(weight, drive.helper_signs[helper])
        digit = drive.helper_digits[helper]
        planes = [select([weight], digit[plane]) for plane in range(len(digit))]
        term = planes[0] if len(planes) == 1 else _weighted_sum(m, planes)
        return term << (drive.helper_shifts[helper] * self.plan.bits_per_cycle)


def select(choices: list[Value], lines: Value) -> Value:
    """Return ``or(choice & line)`` of one-hot lines, as wide as the widest choice."""
    signed = choices[0].shape().signed
    width = max(len(choice) for choice in choices)
    picked = [
        _extend(choice, width, signed) & line.replicate(width)
        for choice, line in zip(choices, lines, strict=True)
    ]
    total = picked[0]
    for term in picked[1:]:
        total = total | term
    return total.as_signed() if signed else total


def _extend(value: Value, width: int, signed: bool) -> Value:
    missing = width - len(value)
    return Cat(value, (value[-1] if signed else Const(0, 1)).replicate(missing))


def sum_exactly(m: Module, terms: list[Value], signed: bool, depth: int = 0) -> Value:
    """Return the sum of equally wide terms, wide enough for any."""
    width = max(len(term) for term in terms) + (len(terms) - 1).bit_length()
    heap = BitHeap(width)
    for term in terms:
        heap.add(term, depth=depth)
    total = Signal(width, name="total")
    m.d.comb += total.eq(heap.sum(m))
    return total.as_signed() if signed else total


def _weighted_sum(m: Module, planes: list[Value]) -> Value:
    width = len(planes[0]) + len(planes)
    heap = BitHeap(width)
    for plane, term in enumerate(planes):
        heap.add(term, plane)
    total = Signal(width, name="digit_product")
    m.d.comb += total.eq(heap.sum(m))
    return total.as_signed()


def _complement(weight: Value, negate: Value) -> Value:
    """Return ``weight ^ negate`` as a two's-complement number, also of an unsigned weight."""
    bits = weight.as_unsigned() ^ negate.replicate(len(weight))
    return bits.as_signed() if weight.shape().signed else Cat(bits, negate).as_signed()


def _add_ring(heap: BitHeap, spec: MacroSpec, drive: data.View, choices: Choices) -> None:
    weights = choices.weights
    for lane, weight in enumerate(weights):
        own = Mux(drive.borrowed[lane], weights[lane - 1], weight)
        own = own.as_signed() if spec.weight_signed else own
        term = select([_complement(own, drive.signs[lane])], drive.bits[lane])
        heap.add(term << drive.shift[lane], depth=10)
