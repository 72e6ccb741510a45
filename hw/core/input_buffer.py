"""Cuts input vectors into one slice per macro and lets every macro take its slices at its pace."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.spec import CoreSpec, ceil_log2
from hw.core.layout import input_layout
from hw.core.plan import CorePlan
from hw.macro.step import vector_layout


class InputBuffer(wiring.Component):
    """``o[k]`` gives lanes ``k * lanes`` to ``(k + 1) * lanes - 1`` of every vector, in order.

    Latency is one cycle, throughput one vector per cycle. All slices are written at once, so there
    is one write pointer and a read pointer per macro: a macro may be ``plan.input_depth`` vectors
    behind the newest one, whatever the others do.

    Members
    -------
    i : :py:`In(stream.Signature(input_layout(spec, plan)))`
    o : per macro :py:`Out(stream.Signature(vector_layout(spec.macro, plan.macro)))`
    """

    def __init__(self, spec: CoreSpec, plan: CorePlan) -> None:
        self.spec, self.plan = spec, plan
        vector = stream.Signature(vector_layout(spec.macro, plan.macro))
        super().__init__({
            "i": In(stream.Signature(input_layout(spec, plan))),
            "o": Out(vector).array(spec.macros),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, depth = self.spec, self.plan.input_depth
        lanes, tokens = spec.macro.lanes, self.plan.macro.tokens
        payload = self.i.p
        # One bit more than the address tells a full buffer from an empty one.
        newest = Signal(ceil_log2(depth) + 1)
        full = Signal(spec.macros)
        taken = self.i.valid & self.i.ready
        m.d.comb += self.i.ready.eq(full == 0)
        m.d.sync += newest.eq(newest + taken)

        control = data.StructLayout({"set": unsigned(spec.macro.set_bits), "signed": unsigned(1)})
        m.submodules.control = controls = Memory(shape=control, depth=depth, init=[])
        control_write = controls.write_port()
        m.d.comb += [
            control_write.addr.eq(newest),
            control_write.en.eq(taken),
            control_write.data.set.eq(payload.set),
        ]
        if spec.macro.input_sign == "either":
            m.d.comb += control_write.data.signed.eq(payload.signed)

        width = spec.macro.input_bits * lanes * tokens
        for index, o in enumerate(self.o):
            slices = Memory(shape=unsigned(width), depth=depth, init=[])
            m.submodules[f"slices_{index}"] = slices
            write, read = slices.write_port(), slices.read_port(domain="comb")
            control_read = controls.read_port(domain="comb")
            oldest = Signal.like(newest)
            first = index * lanes
            words = [payload.data[token].as_value() for token in range(tokens)]
            bits = spec.macro.input_bits
            m.d.comb += [
                write.addr.eq(newest),
                write.en.eq(taken),
                write.data.eq(Cat(word[first * bits : (first + lanes) * bits] for word in words)),
                read.addr.eq(oldest),
                control_read.addr.eq(oldest),
                full[index].eq((newest ^ oldest) == depth),
                o.valid.eq(newest != oldest),
                o.p.data.eq(read.data),
                o.p.set.eq(control_read.data.set),
            ]
            if spec.macro.input_sign == "either":
                m.d.comb += o.p.signed.eq(control_read.data.signed)
            m.d.sync += oldest.eq(oldest + (o.valid & o.ready))
        return m
