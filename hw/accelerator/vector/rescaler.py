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
from hw.pipeline import held

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
    is divided by its length as by its spread, with a mean of 0. Latency is ``STAGES`` cycles,
    with moments ``Statistics.latency`` more; throughput one word per cycle.

    Members
    -------
    i : ``wide_row_layout(lanes)``
    settings, constants : held while a row is inside
    words, restart : of ``Channels``
    o : ``row_layout(signed(16), lanes)``
    """

    STAGES = 1 + Requantizer.STAGES

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
        affine, layer_norm = Signal(), Signal()
        measures, by_channel = Signal(), Signal()
        # A word comes several cycles after its instruction.
        m.d.sync += [
            affine.eq(scale == Scale.AFFINE),
            layer_norm.eq(scale == Scale.LAYER_NORM),
            measures.eq((scale == Scale.LAYER_NORM) | (scale == Scale.L2_NORMALIZE)),
            by_channel.eq((scale == Scale.AFFINE) | (scale == Scale.LAYER_NORM)),
        ]
        self._measure(m, statistics, layer_norm, slots)

        operand, measured = requantizer.i, statistics.o
        given = Signal(operand.payload.shape())
        taken, last, group = Signal(), Signal(), Signal(range(plan.groups))
        m.d.comb += [
            statistics.i.valid.eq(self.i.valid & measures),
            statistics.i.p.last.eq(self.i.p.last),
            statistics.i.p.data.eq(Cat(x[:16] for x in self.i.p.data)),
            self.i.ready.eq(Mux(measures, statistics.i.ready, operand.ready)),
            taken.eq(Mux(measures, measured.valid, self.i.valid)),
            measured.ready.eq(measures & operand.ready),
            last.eq(Mux(measures, measured.p.last, self.i.p.last)),
            channels.group.eq(Mux(taken & operand.ready, Mux(last, 0, group + 1), group)),
            given.tag.eq(last),
            # Operands move with the requantizer's stages.
            operand.payload.eq(held(m, operand.ready, "operand", given)),
            self.o.valid.eq(requantizer.o.valid),
            self.o.p.data.eq(requantizer.o.p.data),
            self.o.p.last.eq(requantizer.o.p.tag),
            requantizer.o.ready.eq(self.o.ready),
        ]
        m.d.sync += group.eq(channels.group)
        with m.If(operand.ready):
            m.d.sync += operand.valid.eq(taken)
        multiplier = self._row_scale(m, given, slots, measured.p.moments, measures)
        mean = Mux(layer_norm, measured.p.moments.mean, 0)
        for lane in range(plan.lanes):
            wide, x = self.i.p.data[lane], measured.p.data[lane]
            x = Mux(layer_norm, x << plan.norm.mean_fraction_bits, x)
            # Only elements of 16 bits have a mean or channels.
            x = Mux(measures, x, wide[:16].as_signed())
            negative = by_channel & channels.negatives[lane]
            turned = turned_difference(x, mean, negative)
            m.d.comb += [
                given.accumulator[lane].eq(Mux(measures | affine, turned, wide)),
                given.multiplier[lane].eq(Mux(by_channel, channels.multipliers[lane], multiplier)),
                given.bias[lane].eq(Mux(by_channel, channels.biases[lane], 0)),
            ]
        return m

    def _measure(self, m: Module, statistics: Statistics, layer_norm: Value, slots: Any) -> None:
        """Settings of the moments; a mean of 0 where a row is divided by its length."""
        norm, settings = self.plan.norm, statistics.settings
        bits = reciprocal_fraction_bits(norm) - 20
        finer = (bits - self.constants.fraction_bits).as_unsigned()[: max(1, bits.bit_length())]
        # Deviations have more fraction bits than what is divided by its length.
        offset = slots.offset + Mux(layer_norm, 0, norm.mean_fraction_bits)
        m.d.sync += [
            settings.exponent_offset.eq(offset),
            settings.width.eq(Mux(layer_norm, self.settings.elements, 0)),
            settings.reciprocal.eq(Mux(layer_norm, self.constants.reciprocal << finer, 0)),
            settings.epsilon.eq(Mux(layer_norm, self.constants.epsilon, 0)),
        ]

    def _row_scale(self, m: Module, given: Any, slots: Any, moments: Any, measures: Value) -> Value:
        """Set mantissa and exponent, return the multiplier that all columns share."""
        # As long as an instruction is under way its window's rows are the same number.
        m.submodules.reciprocal = reciprocal = Reciprocal(
            PoolSpec().reciprocal, len(self.settings.length)
        )
        m.d.comb += [reciprocal.enable.eq(1), reciprocal.n.eq(self.settings.length)]
        scale = self.settings.flags.scale
        multiplier = Signal(REQUANTIZE.multiplier_bits, reset_less=True)
        mantissa = Signal.like(given.mantissa, reset_less=True)
        exponent = Signal.like(given.exponent, reset_less=True)
        # The largest exponent and what it lacks of 1.
        _, largest = REQUANTIZE.exponent_range
        one = Const(1 << (REQUANTIZE.shift - largest))
        pooled = reciprocal.exponent + slots.offset
        m.d.sync += [
            multiplier.eq(Mux(scale == Scale.NONE, one, slots.multiplier)),
            mantissa.eq(Mux(scale == Scale.MEAN, reciprocal.mantissa, 1)),
            exponent.eq(Mux(scale == Scale.MEAN, pooled, slots.offset)),
        ]
        with m.If(scale == Scale.NONE):
            m.d.sync += exponent.eq(largest)
        m.d.comb += [
            given.mantissa.eq(Mux(measures, moments.mantissa, mantissa)),
            given.exponent.eq(Mux(measures, moments.exponent, exponent)),
        ]
        return multiplier
