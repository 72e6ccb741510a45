"""The scale of a row: one array of requantizers for every operator that needs one."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import PoolSpec
from golden.spec import RequantizeSpec
from hw.accelerator.vector.channels import Channels
from hw.accelerator.vector.combiner import wide_row_layout
from hw.accelerator.vector.decode import row_slots, settings_layout
from hw.accelerator.vector.fields import Scale
from hw.accelerator.vector.plan import VectorPlan
from hw.accelerator.vector.statistics import Statistics
from hw.ops.layer_norm import turned_difference
from hw.ops.reciprocal import Reciprocal
from hw.ops.requantize import Requantizer
from hw.ops.row import row_layout
from hw.ops.row_moments import reciprocal_fraction_bits

REQUANTIZE = RequantizeSpec()


def constants_layout() -> data.StructLayout:
    """What a layer norm needs beside its channels, as ``0x52 channels`` brings it."""
    return data.StructLayout({
        "epsilon": unsigned(64),
        "reciprocal": unsigned(21),
        "fraction_bits": unsigned(5),
    })


class Rescaler(wiring.Component):
    """``o = saturate(floor((x - mean) * m * s * 2**(e - shift) + b * 2**-F + 1/2))``.

    Where mean, m, s, e and b come from is the instruction's scale: constants that leave x as it is,
    a multiplier, channels, the row's moments, the reciprocal of a window's rows. As
    ``golden.ops.multiply``, ``affine``, ``layer_norm``, ``l2_normalize`` and ``mean_pool``. A row
    is divided by its length as by its spread, with a mean of 0. Latency is ``Requantizer.STAGES``
    cycles, with moments ``Statistics.latency`` more; throughput one word per cycle.

    Members
    -------
    i : ``wide_row_layout(lanes)``
    settings, constants : held while a row is inside
    words, restart : of ``Channels``
    o : ``row_layout(signed(16), lanes)``
    """

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        super().__init__({
            "i": In(stream.Signature(wide_row_layout(plan.lanes))),
            "settings": In(settings_layout(plan)),
            "constants": In(constants_layout()),
            "words": In(stream.Signature(unsigned(8 * plan.word_bytes))),
            "restart": In(1),
            "o": Out(stream.Signature(row_layout(signed(16), plan.lanes))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan, scale, slots = self.plan, self.settings.flags.scale, row_slots(self.settings)
        m.submodules.requantizer = requantizer = Requantizer(
            REQUANTIZE, lanes=plan.lanes, tag_bits=1
        )
        m.submodules.channels = channels = Channels(plan)
        m.submodules.statistics = statistics = Statistics(plan)
        wiring.connect(m, wiring.flipped(self.words), channels.words)
        m.d.comb += channels.restart.eq(self.restart)
        affine, layer_norm, normalize = Signal(), Signal(), Signal()
        measures, by_channel = Signal(), Signal()
        m.d.comb += [
            affine.eq(scale == Scale.AFFINE),
            layer_norm.eq(scale == Scale.LAYER_NORM),
            normalize.eq(scale == Scale.L2_NORMALIZE),
            measures.eq(layer_norm | normalize),
            by_channel.eq(affine | layer_norm),
        ]
        self._measure(m, statistics, layer_norm, slots)

        operand, measured = requantizer.i, statistics.o
        last, moved, group = Signal(), Signal(), Signal(range(plan.groups))
        m.d.comb += [
            statistics.i.valid.eq(self.i.valid & measures),
            statistics.i.p.last.eq(self.i.p.last),
            statistics.i.p.data.eq(Cat(x[:16] for x in self.i.p.data)),
            self.i.ready.eq(Mux(measures, statistics.i.ready, operand.ready)),
            operand.valid.eq(Mux(measures, measured.valid, self.i.valid)),
            measured.ready.eq(measures & operand.ready),
            last.eq(Mux(measures, measured.p.last, self.i.p.last)),
            moved.eq(operand.valid & operand.ready),
            channels.group.eq(Mux(moved, Mux(last, 0, group + 1), group)),
            operand.p.tag.eq(last),
            self.o.valid.eq(requantizer.o.valid),
            self.o.p.data.eq(requantizer.o.p.data),
            self.o.p.last.eq(requantizer.o.p.tag),
            requantizer.o.ready.eq(self.o.ready),
        ]
        m.d.sync += group.eq(channels.group)
        multiplier = self._row_scale(m, operand, slots, measured.p.moments)
        mean = Mux(layer_norm, measured.p.moments.mean, 0)
        for lane in range(plan.lanes):
            x = measured.p.data[lane]
            x = Mux(layer_norm, x << plan.norm.mean_fraction_bits, x)
            x = Mux(measures, x, self.i.p.data[lane])
            negative = by_channel & channels.negatives[lane]
            m.d.comb += [
                operand.p.accumulator[lane].eq(turned_difference(x, mean, negative)),
                operand.p.multiplier[lane].eq(
                    Mux(by_channel, channels.multipliers[lane], multiplier)
                ),
                operand.p.bias[lane].eq(Mux(by_channel, channels.biases[lane], 0)),
            ]
        return m

    def _measure(self, m: Module, statistics: Statistics, layer_norm: Value, slots: Any) -> None:
        """Settings of the moments; a mean of 0 where a row is divided by its length."""
        norm, settings = self.plan.norm, statistics.settings
        bits = reciprocal_fraction_bits(norm) - 20
        finer = (bits - self.constants.fraction_bits).as_unsigned()[: max(1, bits.bit_length())]
        # Deviations have more fraction bits than what is divided by its length.
        offset = slots.offset + Mux(layer_norm, 0, norm.mean_fraction_bits)
        m.d.comb += settings.exponent_offset.eq(offset)
        with m.If(layer_norm):
            m.d.comb += [
                settings.width.eq(self.settings.elements),
                settings.reciprocal.eq(self.constants.reciprocal << finer),
                settings.epsilon.eq(self.constants.epsilon),
            ]

    def _row_scale(self, m: Module, operand: Any, slots: Any, moments: Any) -> Value:
        """Set mantissa and exponent, return the multiplier that all columns share."""
        # As long as an instruction is under way its window's rows are the same number.
        m.submodules.reciprocal = reciprocal = Reciprocal(
            PoolSpec().reciprocal, len(self.settings.length)
        )
        m.d.comb += [reciprocal.enable.eq(1), reciprocal.n.eq(self.settings.length)]
        multiplier = Signal(REQUANTIZE.multiplier_bits)
        with m.Switch(self.settings.flags.scale):
            with m.Case(Scale.LAYER_NORM, Scale.L2_NORMALIZE):
                m.d.comb += [
                    multiplier.eq(slots.multiplier),
                    operand.p.mantissa.eq(moments.mantissa),
                    operand.p.exponent.eq(moments.exponent),
                ]
            with m.Case(Scale.MEAN):
                m.d.comb += [
                    multiplier.eq(slots.multiplier),
                    operand.p.mantissa.eq(reciprocal.mantissa),
                    operand.p.exponent.eq(reciprocal.exponent + slots.offset),
                ]
            with m.Case(Scale.MULTIPLIER, Scale.AFFINE):
                m.d.comb += [
                    multiplier.eq(slots.multiplier),
                    operand.p.mantissa.eq(1),
                    operand.p.exponent.eq(slots.offset),
                ]
            with m.Default():
                # The largest exponent and what it lacks of 1.
                _, largest = REQUANTIZE.exponent_range
                m.d.comb += [
                    multiplier.eq(Const(1 << (REQUANTIZE.shift - largest))),
                    operand.p.mantissa.eq(1),
                    operand.p.exponent.eq(largest),
                ]
        return multiplier
