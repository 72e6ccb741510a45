"""Components with one fault each: a bench that passes one of them proves nothing."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring

from hw.macro.macro import Macro
from hw.ops.requantize import Requantizer
from hw.stream import Buffer


class ReadyTiedHigh(Buffer):
    """Takes a beat while it still holds one."""

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.i.ready.eq(1)
        with m.If(~self.o.valid | self.o.ready | self.i.valid):
            m.d.sync += [self.o.valid.eq(self.i.valid), self.o.payload.eq(self.i.payload)]
        return m


class PayloadNotHeld(Buffer):
    """Follows the input's payload while its own has not been taken."""

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid)
        m.d.sync += self.o.payload.eq(self.i.payload)
        return m


class ValidNotHeld(Buffer):
    """Offers a beat for one cycle, whether it is taken or not, then once more."""

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = Buffer(self.shape)
        blink = Signal()
        m.d.sync += blink.eq(~blink)
        wiring.connect(m, wiring.flipped(self.i), buffer.i)
        m.d.comb += [
            self.o.payload.eq(buffer.o.payload),
            self.o.valid.eq(buffer.o.valid & blink),
            buffer.o.ready.eq(self.o.ready & blink),
        ]
        return m


class ValidWaitsForReady(Buffer):
    """Offers a beat only to who is ready for it."""

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = Buffer(self.shape)
        wiring.connect(m, wiring.flipped(self.i), buffer.i)
        m.d.comb += [
            self.o.payload.eq(buffer.o.payload),
            self.o.valid.eq(buffer.o.valid & self.o.ready),
            buffer.o.ready.eq(self.o.ready),
        ]
        return m


class LastBeatTwice(Buffer):
    """Repeats a beat when no other one follows it."""

    def elaborate(self, platform):
        m = Module()
        again = Signal()
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)
        with m.If(self.i.ready):
            m.d.sync += [self.o.valid.eq(self.i.valid | again), again.eq(self.i.valid)]
            with m.If(self.i.valid):
                m.d.sync += self.o.payload.eq(self.i.payload)
        return m


class Hanging(Buffer):
    """Never offers anything after its 50th beat."""

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = Buffer(self.shape)
        count = Signal(range(51))
        wiring.connect(m, wiring.flipped(self.i), buffer.i)
        open_ = count != 50
        m.d.comb += [
            self.o.payload.eq(buffer.o.payload),
            self.o.valid.eq(buffer.o.valid & open_),
            buffer.o.ready.eq(self.o.ready & open_),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += count.eq(count + 1)
        return m


class OneCycleLate(Buffer):
    """Correct, but twice as slow to answer as documented."""

    def elaborate(self, platform):
        m = Module()
        m.submodules.first = first = Buffer(self.shape)
        m.submodules.second = second = Buffer(self.shape)
        wiring.connect(m, wiring.flipped(self.i), first.i)
        wiring.connect(m, first.o, second.i)
        wiring.connect(m, second.o, wiring.flipped(self.o))
        return m


class RoundingDropped(Requantizer):
    """Rounds down: half a code is taken off the bias."""

    def elaborate(self, platform):
        m = Module()
        m.submodules.whole = whole = Requantizer(
            self.spec, lanes=self.lanes, tag_bits=self.tag_bits
        )
        wiring.connect(m, wiring.flipped(self.o), whole.o)
        half = 1 << self.spec.bias_fraction_bits >> 1
        least = -1 << (self.spec.bias_bits - 1)
        m.d.comb += [
            whole.i.payload.eq(self.i.payload),
            whole.i.valid.eq(self.i.valid),
            self.i.ready.eq(whole.i.ready),
        ]
        for lane in range(self.lanes):
            bias = self.i.p.bias[lane]
            m.d.comb += whole.i.p.bias[lane].eq(Mux(bias < least + half, least, bias - half))
        return m


class WeightsInTheWay(Macro):
    """Overwrites the weights that it computes with."""

    def body(self, platform):
        m = Module()
        m.submodules.macro = macro = Macro(self.spec, self.plan)
        macro.key += "_whole"
        wiring.connect(m, wiring.flipped(self.i), macro.i)
        wiring.connect(m, macro.o, wiring.flipped(self.o))
        m.d.comb += [
            macro.weights.payload.eq(self.weights.payload),
            macro.weights.valid.eq(self.weights.valid),
            # A beat that comes at the wrong time is lost.
            self.weights.ready.eq(1),
        ]
        return m
