"""The sums of additive attention: of P', and of P' times the values."""

from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from hw.ops.additive_plan import AdditiveAttentionPlan
from hw.ops.rounding import cut_places, rounded
from hw.pipeline import held

ALWAYS = Const(1)


class ContextSums(wiring.Component):
    """``context += P' V`` and ``total += P'``; ``round(x * 2**-rise)`` of both for a new maximum.

    A beat of products is added in the cycle in which it comes; what is read is the sums before it.
    Rescaling reads ``output_lanes`` elements of a beat at a time and writes them two cycles later.

    Members
    -------
    add, products, fresh : a beat that is added, or put in the place of what was there
    count, code, start : P' of a value, added to the total or put in its place
    beat, part : elements that are added to or read
    elements : of the context
    total : sum of P'
    rise : places that the sums are shifted by, as long as they are rescaled
    rescale, rescale_total : what is read, or the total, is shifted
    """

    RESCALE_STAGES = 2

    def __init__(self, spec: AttentionSpec, plan: AdditiveAttentionPlan) -> None:
        self.spec, self.plan = spec, plan
        products = data.ArrayLayout(signed(plan.product_bits(spec)), plan.lanes)
        element = signed(plan.context_bits(spec))
        super().__init__({
            "add": In(1),
            "products": In(products),
            "fresh": In(1),
            "count": In(1),
            "code": In(spec.probability_bits),
            "start": In(1),
            "beat": In(plan.beat_bits),
            "part": In(plan.part_bits),
            "elements": Out(data.ArrayLayout(element, plan.output_lanes)),
            "total": Out(plan.total_bits(spec)),
            "rise": In(spec.requantize.output_bits - spec.score_fraction_bits),
            "rescale": In(1),
            "rescale_total": In(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        bits, lanes = plan.context_bits(spec), plan.output_lanes
        # One bit vector a part, so that parts can be written alone.
        part = data.ArrayLayout(signed(bits), lanes)
        word = data.ArrayLayout(unsigned(part.size), plan.parts)
        m.submodules.memory = memory = Memory(shape=word, depth=plan.depth_beats, init=[])
        write, read = memory.write_port(granularity=1), memory.read_port(domain="comb")
        old = [data.View(part, read.data[k])[j] for k in range(plan.parts) for j in range(lanes)]
        added = Signal(data.ArrayLayout(signed(bits), plan.lanes))
        m.d.comb += [
            read.addr.eq(self.beat),
            Value.cast(self.elements).eq(read.data[self.part]),
            *(
                added[lane].eq(Mux(self.fresh, 0, old[lane]) + self.products[lane])
                for lane in range(plan.lanes)
            ),
        ]

        rescaled = self._rescaled(m)
        later = {
            name: held(m, ALWAYS, f"later_{name}", value, self.RESCALE_STAGES)
            for name, value in (("beat", self.beat), ("part", self.part))
        }
        writes, writes_total = self.rescale, self.rescale_total
        for stage in range(self.RESCALE_STAGES):
            marks = Signal(2, name=f"rescales_{stage}")
            m.d.sync += [marks[0].eq(writes), marks[1].eq(writes_total)]
            writes, writes_total = marks[0], marks[1]
        with m.If(self.add):
            m.d.comb += [
                write.en.eq(~0),
                write.addr.eq(self.beat),
                Value.cast(write.data).eq(Value.cast(added)),
            ]
        with m.Else():
            m.d.comb += [
                write.en.eq(Mux(writes, Const(1) << later["part"], 0)),
                write.addr.eq(later["beat"]),
                *(write.data[k].eq(Value.cast(rescaled)) for k in range(plan.parts)),
            ]
        with m.If(self.count):
            m.d.sync += self.total.eq(Mux(self.start, 0, self.total) + self.code)
        with m.Elif(writes_total):
            m.d.sync += self.total.eq(rescaled[0])
        return m

    def _rescaled(self, m: Module) -> data.View:
        """What was read two cycles ago, shifted and rounded."""
        plan = self.plan
        places = cut_places(self.rise, plan.context_bits(self.spec) + 2)
        shifted = Signal(self.elements.shape(), name="shifted", reset_less=True)
        for lane in range(plan.output_lanes):
            x = self.elements[lane]
            if lane == 0:
                x = Mux(self.rescale_total, self.total, x)
            m.d.sync += shifted[lane].eq(rounded(held(m, ALWAYS, f"old_{lane}", x), places))
        return shifted
