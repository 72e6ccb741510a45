"""Product of two tensors, element by element, requantised."""

from dataclasses import replace
from typing import Any

from amaranth.hdl import Module, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import RequantizeSpec
from hw.ops.plan import LanesPlan
from hw.ops.requantize import Requantizer
from hw.ops.row import latest, row_layout, together
from hw.pipeline import Pipeline, held


def unit_spec(spec: RequantizeSpec, accumulator_bits: int) -> RequantizeSpec:
    """The requantizer of rows whose scale is a power of two: its mantissa is 1."""
    return replace(spec, accumulator_bits=accumulator_bits, mantissa_bits=1)


def settings_layout(spec: RequantizeSpec) -> data.StructLayout:
    """What all rows of a tensor share; ``exponent_offset`` is the exponent of every row."""
    return data.StructLayout({
        "multiplier": unsigned(spec.multiplier_bits),
        "exponent_offset": signed(spec.exponent_bits),
    })


class Multiply(wiring.Component):
    """``o = saturate(floor(x * y * multiplier * 2**(exponent_offset - shift) + 1/2))``.

    As ``golden.ops.multiply``, for elements as wide as the output. Latency is ``STAGES`` cycles,
    throughput one beat of each per cycle. Settings are loaded while no row is inside.

    Parameters
    ----------
    spec : :class:`~golden.spec.RequantizeSpec`
    plan : :class:`~hw.ops.plan.LanesPlan`

    Members
    -------
    x, y : :py:`In(stream.Signature(row_layout(signed(output_bits), lanes)))`, rows of one length
    settings : :py:`In(stream.Signature(settings_layout(spec)))`
    o : :py:`Out(stream.Signature(row_layout(signed(output_bits), lanes)))`
    """

    STAGES = 1 + Requantizer.STAGES

    def __init__(self, spec: RequantizeSpec, plan: LanesPlan | None = None) -> None:
        self.spec = spec
        self.plan = LanesPlan() if plan is None else plan
        row = stream.Signature(row_layout(signed(spec.output_bits), self.plan.lanes))
        super().__init__({
            "x": In(row),
            "y": In(row),
            "settings": In(stream.Signature(settings_layout(spec))),
            "o": Out(row),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, lanes = self.spec, self.plan.lanes
        m.submodules.requantizer = requantizer = Requantizer(
            unit_spec(spec, 2 * spec.output_bits), lanes=lanes, tag_bits=1
        )
        operand, result = requantizer.i, requantizer.o
        settings = latest(m, self.settings)
        moves = Pipeline(m, together(m, self.x, self.y), operand, 1).moves
        m.d.comb += [
            operand.p.mantissa.eq(1),
            operand.p.exponent.eq(settings.exponent_offset),
            operand.p.tag.eq(held(m, moves, "last", self.x.p.last)),
            self.o.valid.eq(result.valid),
            self.o.p.data.eq(result.p.data),
            self.o.p.last.eq(result.p.tag),
            result.ready.eq(self.o.ready),
        ]
        for lane, (x, y) in enumerate(zip(self.x.p.data, self.y.p.data, strict=True)):
            m.d.comb += [
                operand.p.accumulator[lane].eq(held(m, moves, f"product_{lane}", x * y)),
                operand.p.multiplier[lane].eq(settings.multiplier),
            ]
        return m
