"""``round(unit * 2**-d)``: a table for the fraction of ``d``, a shift for its integer part."""

from typing import Any

from amaranth.hdl import Cat, Module
from amaranth.lib.wiring import In, Out

from golden.table_spec import ExponentialSpec
from hw.ops.interpolate import Interpolation
from hw.ops.rounding import cut_places
from hw.pipeline import held
from hw.platform import Shared


def zero_distance(spec: ExponentialSpec) -> int:
    """The smallest distance with an integer part from which every code is zero for good."""
    return (spec.code_bits + 1) << spec.fraction_bits


class Exponential(Shared):
    """``code = round(unit * 2**-d)``, unsigned; ``d >= 0`` has ``fraction_bits`` fraction bits.

    Latency is ``STAGES`` enabled cycles, throughput one code in each.

    Members
    -------
    enable : all stages move
    distance : ``d``, unsigned, of ``distance_bits`` bits
    code : result, ``STAGES`` stages later
    """

    STAGES = Interpolation.STAGES + 1

    def __init__(self, spec: ExponentialSpec, distance_bits: int) -> None:
        self.spec, self.distance_bits = spec, distance_bits
        self.key = (
            f"exponential_u{spec.unit}f{spec.fraction_bits}x{spec.index_bits}g{spec.guard_bits}"
            f"d{distance_bits}"
        )
        super().__init__({
            "enable": In(1),
            "distance": In(distance_bits),
            "code": Out(spec.code_bits),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        spec = self.spec
        m.submodules.fraction = fraction = Interpolation(spec.table)
        m.d.comb += [fraction.enable.eq(self.enable), fraction.x.eq(self.distance)]
        shift = cut_places(self.distance[spec.fraction_bits :], spec.code_bits + 1)
        shift = held(m, self.enable, "shift", shift, Interpolation.STAGES)
        # One bit below the code's last one decides how it is rounded.
        finer = Cat(0, fraction.y) >> spec.guard_bits
        rounded = ((finer >> shift) + 1) >> 1
        m.d.comb += self.code.eq(held(m, self.enable, "rounded", rounded[: spec.code_bits]))
        return m
