"""Sum of two tensors that share a scale."""

from typing import Any

from amaranth.hdl import Module, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import ResidualAddSpec
from hw.ops.plan import LanesPlan
from hw.ops.requantize import clipped
from hw.ops.row import row_layout, together
from hw.pipeline import Pipeline, held


class ResidualAdd(wiring.Component):
    """``o = saturate(x + y)``, element by element.

    Latency is ``STAGES`` cycles, throughput one beat of each per cycle.

    Parameters
    ----------
    spec : :class:`~golden.operator_spec.ResidualAddSpec`
    plan : :class:`~hw.ops.plan.LanesPlan`

    Members
    -------
    x, y : :py:`In(stream.Signature(row_layout(signed(bits), lanes)))`, rows of one length
    o : :py:`Out(stream.Signature(row_layout(signed(bits), lanes)))`
    """

    STAGES = 1

    def __init__(self, spec: ResidualAddSpec, plan: LanesPlan | None = None) -> None:
        self.spec = spec
        self.plan = LanesPlan() if plan is None else plan
        row = stream.Signature(row_layout(signed(spec.bits), self.plan.lanes))
        super().__init__({"x": In(row), "y": In(row), "o": Out(row)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        moves = Pipeline(m, together(m, self.x, self.y), self.o, self.STAGES).moves
        m.d.comb += self.o.p.last.eq(held(m, moves, "last", self.x.p.last))
        for lane, (x, y) in enumerate(zip(self.x.p.data, self.y.p.data, strict=True)):
            total = clipped(m, f"sum_{lane}", x + y, self.spec.bits)
            m.d.comb += self.o.p.data[lane].eq(held(m, moves, f"o_{lane}", total))
        return m
