"""Sends each beat of the core's weights to the macro that holds its lane."""

from typing import Any

from amaranth.hdl import Module, Mux
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import CoreSpec
from hw.core.layout import weights_layout
from hw.core.plan import CorePlan
from hw.macro import step


class WeightRouter(wiring.Component):
    """Gives lane ``lane`` of the core to macro ``lane // lanes`` as its lane ``lane % lanes``.

    Combinational: no latency, one beat per cycle. A beat whose lane is beyond the core is dropped.

    Members
    -------
    i : :py:`In(stream.Signature(weights_layout(spec, plan)))`
    o : per macro :py:`Out(stream.Signature(hw.macro.step.weights_layout(...)))`
    """

    def __init__(self, spec: CoreSpec, plan: CorePlan) -> None:
        self.spec = spec
        beat = stream.Signature(step.weights_layout(spec.macro, plan.macro))
        super().__init__({
            "i": In(stream.Signature(weights_layout(spec, plan))),
            "o": Out(beat).array(spec.macros),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        lane, lanes = self.i.p.lane, self.spec.macro.lanes
        ready = 1
        for index, o in enumerate(self.o):
            first = index * lanes
            here = (lane < first + lanes) & ((lane >= first) if first else 1)
            m.d.comb += [
                o.valid.eq(self.i.valid & here),
                o.p.data.eq(self.i.p.data),
                o.p.lane.eq(lane - first),
                o.p.set.eq(self.i.p.set),
            ]
            ready = Mux(here, o.ready, ready)
        m.d.comb += self.i.ready.eq(ready)
        return m
