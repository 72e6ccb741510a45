"""What all feeders share: the streams, and the handshake of one vector held at a time."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import MacroSpec
from hw.macro.plan import MacroPlan
from hw.macro.step import digit_count, step_layout, vector_layout


class Feeder(wiring.Component):
    """Holds one input vector and gives its steps.

    A vector is taken in the cycle in which the last step of the one before is taken, so steps
    follow each other without a gap. The first step comes one cycle after the vector.

    Members
    -------
    i : input vectors (``vector_layout``)
    o : steps (``step_layout``)
    """

    def __init__(self, spec: MacroSpec, plan: MacroPlan) -> None:
        self.spec, self.plan = spec, plan
        self.digits = digit_count(spec, plan)
        super().__init__({
            "i": In(stream.Signature(vector_layout(spec, plan))),
            "o": Out(stream.Signature(step_layout(spec, plan))),
        })

    def hold(self, m: Module, first: Value | int, last: Value | int) -> tuple[Value, Value]:
        """Write the handshake; return when a vector is loaded and when a step is taken."""
        load, advance = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(~self.o.valid | (self.o.ready & last)),
            load.eq(self.i.valid & self.i.ready),
            advance.eq(self.o.valid & self.o.ready),
            self.o.p.first.eq(first),
            self.o.p.last.eq(last),
        ]
        with m.If(load):
            m.d.sync += [self.o.valid.eq(1), self.o.p.set.eq(self.i.p.set)]
        with m.Elif(advance & last):
            m.d.sync += self.o.valid.eq(0)
        return load, advance

    def signed_flag(self) -> Value:
        """Whether the vector at the input is signed."""
        return {
            "signed": lambda: Value.cast(1),
            "unsigned": lambda: Value.cast(0),
            "either": lambda: self.i.p.signed,
        }[self.spec.input_sign]()

    def extended(self, x: Value, bits: int) -> Value:
        """Extend an input to ``bits`` bits, by its sign where it has one."""
        sign = x[-1] & self.signed_flag()
        return Cat(x, sign.replicate(bits - len(x)))

    def magnitudes(self, m: Module) -> tuple[list[Value], list[Value]]:
        """Return magnitude (``input_bits`` bits, unsigned) and sign of every lane's input."""
        magnitudes, signs = [], []
        for lane in range(self.spec.lanes):
            x = self.i.p.data[0][lane]
            sign, magnitude = Signal(name=f"sign_{lane}"), Signal.like(x, name=f"magnitude_{lane}")
            m.d.comb += [
                sign.eq(x[-1] & self.signed_flag()),
                magnitude.eq(Mux(sign, -x, x)),
            ]
            magnitudes.append(magnitude)
            signs.append(sign)
        return magnitudes, signs
