"""A gain and a bias per column: what is left of a batch norm."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import RequantizeSpec
from hw.ops.channel_numbers import ChannelNumbers, channel_layout
from hw.ops.multiply import unit_spec
from hw.ops.plan import AffinePlan
from hw.ops.requantize import Requantizer
from hw.ops.row import latest, row_layout
from hw.stream import Buffer


def settings_layout(spec: RequantizeSpec) -> data.StructLayout:
    """What all rows of a tensor share: the exponent of every row."""
    return data.StructLayout({"exponent_offset": signed(spec.exponent_bits)})


class Affine(wiring.Component):
    """``o = saturate(floor(x * m * 2**(exponent_offset - shift) + b * 2**-F + 1/2))`` per column.

    As ``golden.ops.affine``, for elements as wide as the output; multipliers are signed. Latency is
    ``STAGES`` cycles, throughput one beat per cycle. Settings and channels are loaded while no row
    is inside.

    Parameters
    ----------
    spec : :class:`~golden.spec.RequantizeSpec`
    plan : :class:`~hw.ops.plan.AffinePlan`

    Members
    -------
    i : :py:`In(stream.Signature(row_layout(signed(output_bits), lanes)))`
    settings : :py:`In(stream.Signature(settings_layout(spec)))`
    channels : one column's multiplier and bias a beat
    o : :py:`Out(stream.Signature(row_layout(signed(output_bits), lanes)))`
    """

    STAGES = 1 + Requantizer.STAGES

    def __init__(self, spec: RequantizeSpec, plan: AffinePlan | None = None) -> None:
        self.spec = spec
        self.plan = AffinePlan() if plan is None else plan
        lanes = self.plan.lanes
        row = stream.Signature(row_layout(signed(spec.output_bits), lanes))
        channel_bits = (self.plan.beats * lanes - 1).bit_length()
        super().__init__({
            "i": In(row),
            "settings": In(stream.Signature(settings_layout(spec))),
            "channels": In(stream.Signature(channel_layout(spec, channel_bits))),
            "o": Out(row),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, lanes, beats = self.spec, self.plan.lanes, self.plan.beats
        m.submodules.numbers = numbers = ChannelNumbers(spec, lanes, beats)
        m.submodules.requantizer = requantizer = Requantizer(
            unit_spec(spec, spec.output_bits + 1), lanes=lanes, tag_bits=1
        )
        # By the time a row has passed the buffer, the numbers loaded last can be read.
        m.submodules.buffer = buffer = Buffer(self.i.payload.shape())
        wiring.connect(m, wiring.flipped(self.i), buffer.i)
        wiring.connect(m, wiring.flipped(self.channels), numbers.i)
        row, operand, result = buffer.o, requantizer.i, requantizer.o
        settings = latest(m, self.settings)
        moved = operand.valid & operand.ready
        group = Signal(range(beats))
        m.d.sync += group.eq(numbers.group)
        m.d.comb += [
            operand.valid.eq(row.valid),
            row.ready.eq(operand.ready),
            numbers.group.eq(Mux(moved, Mux(row.p.last, 0, group + 1), group)),
            operand.p.mantissa.eq(1),
            operand.p.exponent.eq(settings.exponent_offset),
            operand.p.tag.eq(row.p.last),
            self.o.valid.eq(result.valid),
            self.o.p.data.eq(result.p.data),
            self.o.p.last.eq(result.p.tag),
            result.ready.eq(self.o.ready),
        ]
        for lane, x in enumerate(row.p.data):
            m.d.comb += [
                operand.p.accumulator[lane].eq(Mux(numbers.negatives[lane], -x, x)),
                operand.p.multiplier[lane].eq(numbers.multipliers[lane]),
                operand.p.bias[lane].eq(numbers.biases[lane]),
            ]
        return m
