"""The lines that cross all columns: decoded once in the macro, read by every column."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import MacroSpec, ceil_log2
from hw.macro.bit_heap import BitHeap
from hw.macro.plan import MacroPlan
from hw.macro.step import digit_count, step_layout


def correction_bits(spec: MacroSpec, plan: MacroPlan) -> int:
    """Width of the sum of all negated digits (see ``Drive``)."""
    if plan.feeder == "ring":
        return spec.input_bits + ceil_log2(spec.lanes)
    return (
        plan.bits_per_cycle + ceil_log2(spec.lanes) + (spec.input_bits + 1 if plan.helpers else 0)
    )


def helper_value_bits(spec: MacroSpec, plan: MacroPlan) -> int:
    """Width of a helper's digit at its place, with sign."""
    return digit_count(spec, plan) * plan.bits_per_cycle + 1


def drive_layout(spec: MacroSpec, plan: MacroPlan) -> data.StructLayout:
    """Lines of a column; a platform's form of the arithmetic uses the first or the second group.

    words: ``values``, a signed multiplier per token and lane; ``borrowed``; ``helper_values``.
    gates: ``planes`` (per token and bit of a digit: the lanes' bits, or three selects a pair),
    ``signs``, ``negative``, ``correction``, ``bits``, ``shift``, ``helper_lanes`` (one-hot),
    ``helper_digits``, ``helper_shifts``, ``helper_signs``.
    """
    lanes, width = spec.lanes, plan.bits_per_cycle
    correction = unsigned(correction_bits(spec, plan))
    if plan.feeder == "ring":
        shift = step_layout(spec, plan).members["shift"]
        return data.StructLayout({
            "values": data.ArrayLayout(data.ArrayLayout(signed(spec.input_bits + 1), lanes), 1),
            "borrowed": unsigned(lanes),
            "bits": unsigned(lanes),
            "signs": unsigned(lanes),
            "shift": shift,
            "correction": correction,
        })
    plane = unsigned(3 * (lanes // 2) + lanes % 2 if plan.products == "pairs" else lanes)
    members: dict[str, Any] = {
        "values": data.ArrayLayout(data.ArrayLayout(signed(width + 1), lanes), plan.tokens),
        "planes": data.ArrayLayout(data.ArrayLayout(plane, width), plan.tokens),
        "negative": unsigned(1),
    }
    if plan.encoding == "sign_magnitude":
        members |= {"signs": unsigned(lanes)}
    if plan.encoding == "sign_magnitude" or plan.helpers:
        members |= {"correction": correction}
    if plan.helpers:
        shift_bits = max(1, ceil_log2(digit_count(spec, plan)))
        helpers = {
            "helper_values": signed(helper_value_bits(spec, plan)),
            "helper_indices": unsigned(spec.lane_bits),
            "helper_lanes": unsigned(lanes),
            "helper_digits": unsigned(width),
            "helper_shifts": unsigned(shift_bits),
            "helper_signs": unsigned(1),
        }
        members |= {name: data.ArrayLayout(shape, plan.helpers) for name, shape in helpers.items()}
    return data.StructLayout(members)


class Drive(wiring.Component):
    """Decodes a step for the columns. Combinational.

    A negated product is ``-d * w = d * ~w + d``: the columns complement their weights, and the
    ``d`` of all lanes are summed here, once, as ``correction``.

    Members
    -------
    step : what the feeder says
    o : lines to the columns; the group that the platform's arithmetic does not read stays zero
    """

    def __init__(self, spec: MacroSpec, plan: MacroPlan) -> None:
        self.spec, self.plan = spec, plan
        super().__init__({
            "step": In(step_layout(spec, plan)),
            "o": Out(drive_layout(spec, plan)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        gates = getattr(platform, "arithmetic", "words") == "gates"
        if self.plan.feeder == "ring":
            (self._ring_gates if gates else self._ring_words)(m)
        else:
            (self._gates if gates else self._words)(m)
        return m

    def _words(self, m: Module) -> None:
        step, o, plan = self.step, self.o, self.plan
        for token in range(plan.tokens):
            for lane in range(self.spec.lanes):
                digit = step.digits[token][lane]
                if plan.encoding == "sign_magnitude":
                    value = Mux(step.signs[lane], -digit, digit)
                else:
                    value = Cat(digit, digit[-1] & step.negative).as_signed()
                m.d.comb += o.values[token][lane].eq(value)
        for helper in range(plan.helpers):
            source = step.helpers[helper]
            places = source.digit << (source.shift * plan.bits_per_cycle)
            m.d.comb += [
                o.helper_values[helper].eq(Mux(source.negative, -places, places)),
                o.helper_indices[helper].eq(source.lane),
            ]

    def _gates(self, m: Module) -> None:
        step, o, plan, lanes = self.step, self.o, self.plan, self.spec.lanes
        for token in range(plan.tokens):
            for plane in range(plan.bits_per_cycle):
                bits = [step.digits[token][lane][plane] for lane in range(lanes)]
                if plan.products == "pairs":
                    bits = [line for pair in _pairs(bits) for line in pair]
                m.d.comb += o.planes[token][plane].eq(Cat(bits))
        m.d.comb += o.negative.eq(step.negative)
        negated: list[Value] = []
        if plan.encoding == "sign_magnitude":
            m.d.comb += o.signs.eq(step.signs)
            for lane in range(lanes):
                negated.append(
                    step.digits[0][lane] & step.signs[lane].replicate(plan.bits_per_cycle)
                )
        for helper in range(plan.helpers):
            source = step.helpers[helper]
            m.d.comb += [
                o.helper_lanes[helper].eq(Const(1, lanes) << source.lane),
                o.helper_digits[helper].eq(source.digit),
                o.helper_shifts[helper].eq(source.shift),
                o.helper_signs[helper].eq(source.negative),
            ]
            digit = source.digit & source.negative.replicate(plan.bits_per_cycle)
            negated.append(digit << (source.shift * plan.bits_per_cycle))
        if negated:
            m.d.comb += o.correction.eq(_sum(m, negated, len(o.correction)))

    def _ring_words(self, m: Module) -> None:
        for lane in range(self.spec.lanes):
            place = self.step.bits[lane] << self.step.shift[lane]
            value = Mux(self.step.negatives[lane], -place, place)
            m.d.comb += self.o.values[0][lane].eq(value)
        m.d.comb += self.o.borrowed.eq(self.step.borrowed)

    def _ring_gates(self, m: Module) -> None:
        step, o = self.step, self.o
        negated = step.bits & step.negatives
        places = [negated[lane] << step.shift[lane] for lane in range(self.spec.lanes)]
        m.d.comb += [
            o.borrowed.eq(step.borrowed),
            o.bits.eq(step.bits),
            o.signs.eq(step.negatives),
            o.shift.eq(step.shift),
            o.correction.eq(_sum(m, places, len(o.correction))),
        ]


def _sum(m: Module, terms: list[Value], width: int) -> Value:
    heap = BitHeap(width)
    for index, term in enumerate(terms):
        negated = Signal(term.shape(), name=f"negated_{index}")
        m.d.comb += negated.eq(term)
        heap.add(negated)
    return heap.sum(m)


def _pairs(bits: list[Value]) -> list[list[Value]]:
    """Per two lanes: only the first, only the second, both; a last odd lane keeps its bit."""
    pairs = [
        [first & ~second, second & ~first, first & second]
        for first, second in zip(bits[0::2], bits[1::2], strict=False)
    ]
    return pairs + ([[bits[-1]]] if len(bits) % 2 else [])
