"""Layer norm of rows: one pass for the sums, one for the result, over neighbouring rows at once."""

from dataclasses import replace
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import LayerNormSpec
from golden.spec import RequantizeSpec
from hw.ops.channel_numbers import ChannelNumbers, channel_layout
from hw.ops.plan import LayerNormPlan
from hw.ops.requantize import Requantizer
from hw.ops.row import latest, row_layout
from hw.ops.row_buffer import RowBuffer
from hw.ops.row_moments import RowMoments, length_bits, moments_layout, settings_layout
from hw.ops.row_sums import RowSums
from hw.stream import Buffer


class LayerNorm(wiring.Component):
    """``o = (x - mean) / sqrt(variance) * gain + bias`` of each row, as ``golden.ops.layer_norm``.

    Rows of up to ``spec.width`` elements, their number loaded; filled up with zeros to whole beats.
    A row waits in a buffer while its sums, then mean and scale are found; its deviations go through
    a requantizer with signed multipliers. Latency is ``latency_of`` cycles from a row's last beat
    to its first result, throughput one beat per cycle for rows as long as ``spec.width``; of
    shorter ones ``units_of`` rows in ``RowMoments.cycles(spec) + 1`` cycles.

    Settings and channels are loaded while no row is inside.

    Parameters
    ----------
    spec : :class:`~golden.operator_spec.LayerNormSpec`; ``width`` is that of the longest row
    plan : :class:`~hw.ops.plan.LayerNormPlan`

    Members
    -------
    i : :py:`In(stream.Signature(row_layout(signed(input_bits), lanes)))`
    settings : one beat per tensor (``hw.ops.row_moments.settings_layout``)
    channels : one column's multiplier and bias a beat
    o : :py:`Out(stream.Signature(row_layout(signed(output_bits), lanes)))`
    """

    def __init__(self, spec: LayerNormSpec, plan: LayerNormPlan | None = None) -> None:
        self.spec = spec
        self.plan = LayerNormPlan() if plan is None else plan
        lanes = self.plan.lanes
        channel_bits = (self.plan.beats(spec) * lanes - 1).bit_length()
        super().__init__({
            "i": In(stream.Signature(row_layout(signed(spec.input_bits), lanes))),
            "settings": In(stream.Signature(settings_layout(spec))),
            "channels": In(stream.Signature(channel_layout(spec.requantize, channel_bits))),
            "o": Out(stream.Signature(row_layout(signed(spec.requantize.output_bits), lanes))),
        })

    @staticmethod
    def units_of(spec: LayerNormSpec, plan: LayerNormPlan) -> int:
        """Rows whose moments are found at a time, so that the longest ones wait for none."""
        return -(-(RowMoments.cycles(spec) + 1) // plan.beats(spec))

    @staticmethod
    def latency_of(spec: LayerNormSpec, plan: LayerNormPlan) -> int:
        """Cycles from a row's last beat to its first result, if no row before it is in the way."""
        return RowSums.latency(plan.lanes) + RowMoments.cycles(spec) + 1 + Requantizer.STAGES

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, lanes, beats = self.spec, self.plan.lanes, self.plan.beats(self.spec)
        m.submodules.sums = sums = RowSums(spec.input_bits, lanes, length_bits(spec))
        # A row must fit, and what follows it until its moments are known.
        depth = beats + self.latency_of(spec, self.plan) - Requantizer.STAGES
        m.submodules.buffer = buffer = RowBuffer(self.i.payload.shape(), depth)
        m.submodules.moments = moments = Buffer(moments_layout(spec))
        m.d.comb += [
            self.i.ready.eq(buffer.i.ready & sums.i.ready),
            buffer.i.valid.eq(self.i.valid & sums.i.ready),
            buffer.i.payload.eq(self.i.payload),
            sums.i.valid.eq(self.i.valid & buffer.i.ready),
            sums.i.payload.eq(self.i.payload),
        ]
        settings = latest(m, self.settings)
        self._share(m, sums.o, moments.i, settings)

        m.submodules.numbers = numbers = ChannelNumbers(spec.requantize, lanes, beats)
        m.submodules.requantizer = requantizer = Requantizer(
            deviation_spec(spec), lanes=lanes, tag_bits=1
        )
        wiring.connect(m, wiring.flipped(self.channels), numbers.i)
        operand = requantizer.i
        row, last = buffer.o, buffer.o.p.last
        moved = operand.valid & operand.ready
        group = Signal(range(beats))
        # A row is in its buffer before its moments are known.
        m.d.comb += [
            operand.valid.eq(moments.o.valid),
            row.ready.eq(operand.ready & moments.o.valid),
            moments.o.ready.eq(moved & last),
            numbers.group.eq(Mux(moved, Mux(last, 0, group + 1), group)),
            operand.p.mantissa.eq(moments.o.p.mantissa),
            operand.p.exponent.eq(moments.o.p.exponent),
            operand.p.tag.eq(last),
            self.o.valid.eq(requantizer.o.valid),
            self.o.p.data.eq(requantizer.o.p.data),
            self.o.p.last.eq(requantizer.o.p.tag),
            requantizer.o.ready.eq(self.o.ready),
        ]
        m.d.sync += group.eq(numbers.group)
        for lane in range(lanes):
            x = row.p.data[lane] << spec.mean_fraction_bits
            m.d.comb += [
                operand.p.accumulator[lane].eq(
                    turned_difference(x, moments.o.p.mean, numbers.negatives[lane])
                ),
                operand.p.multiplier[lane].eq(numbers.multipliers[lane]),
                operand.p.bias[lane].eq(numbers.biases[lane]),
            ]
        return m

    def _share(self, m: Module, sums: Any, moments: Any, settings: Any) -> None:
        """Give rows to the units in turn, and take their moments in the same order."""
        units = self.units_of(self.spec, self.plan)
        places = range(units)
        enters, leaves = Signal(places), Signal(places)
        for pointer, moves in (
            (enters, sums.valid & sums.ready),
            (leaves, moments.valid & moments.ready),
        ):
            with m.If(moves):
                m.d.sync += pointer.eq(Mux(pointer == units - 1, 0, pointer + 1))
        for place in places:
            m.submodules[f"unit_{place}"] = unit = RowMoments(self.spec)
            m.d.comb += [unit.settings.eq(settings), unit.i.payload.eq(sums.payload)]
            with m.If(enters == place):
                m.d.comb += [unit.i.valid.eq(sums.valid), sums.ready.eq(unit.i.ready)]
            with m.If(leaves == place):
                m.d.comb += [
                    moments.valid.eq(unit.o.valid),
                    moments.payload.eq(unit.o.payload),
                    unit.o.ready.eq(moments.ready),
                ]


def deviation_spec(spec: LayerNormSpec) -> RequantizeSpec:
    """The requantizer of deviations, which are narrower than the sums of products."""
    bits = spec.input_bits + spec.mean_fraction_bits + 1
    return replace(spec.requantize, accumulator_bits=bits)


def turned_difference(x: Value, y: Value, negative: Value) -> Value:
    """``x - y``, or ``y - x`` where ``negative``, with one adder."""
    bits = max(len(x), len(y))
    wide = (Cat(x, x[-1].replicate(bits - len(x))), Cat(y, y[-1].replicate(bits - len(y))))
    turned, other = (
        (wide[0] ^ negative.replicate(bits)).as_signed(),
        (wide[1] ^ ~negative.replicate(bits)).as_signed(),
    )
    return turned + other + 1
