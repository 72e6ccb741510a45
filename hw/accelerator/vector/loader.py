"""Brings channel numbers and segments of tables from the buffer to where they are kept."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import COUNT_BITS, word_layout
from hw.accelerator.vector.decode import is_opcode, load_slots, settings_layout
from hw.accelerator.vector.fields import Opcode
from hw.accelerator.vector.plan import VectorPlan
from hw.accelerator.vector.rescaler import constants_layout
from hw.accelerator.vector.table_lanes import SHORT_BITS
from hw.accelerator.vector.tables import loaded_layout

SEGMENT_BITS = 64


class Loader(wiring.Component):
    """A word of channel numbers a cycle, or one segment.

    Members
    -------
    i : ``hw.accelerator.layout.word_layout``, while channels or table is under way
    settings : held while an instruction is under way
    channels : words of channel numbers
    segments : ``hw.accelerator.vector.tables.loaded_layout``
    constants : of the channels loaded last
    finished : the last entry is where it belongs from the next cycle on
    """

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        super().__init__({
            "i": In(stream.Signature(word_layout(plan.word_bytes))),
            "settings": In(settings_layout(plan)),
            "channels": Out(stream.Signature(unsigned(8 * plan.word_bytes))),
            "segments": Out(stream.Signature(loaded_layout())),
            "constants": Out(constants_layout()),
            "finished": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        slots, i, segments = load_slots(self.settings), self.i, self.segments
        by_word = 8 * self.plan.word_bytes // SEGMENT_BITS
        place, index = Signal(range(by_word)), Signal(COUNT_BITS)
        last = i.p.done & (place == (self.settings.elements - 1)[: len(place)])
        segment = i.p.data.word_select(place, SEGMENT_BITS)
        with m.If(is_opcode(self.settings, Opcode.CHANNELS)):
            m.d.comb += [
                self.channels.valid.eq(i.valid),
                self.channels.payload.eq(i.p.data),
                i.ready.eq(self.channels.ready),
                self.finished.eq(i.valid & i.ready & i.p.done),
            ]
            with m.If(self.finished):
                m.d.sync += [
                    self.constants.epsilon.eq(slots.epsilon),
                    self.constants.reciprocal.eq(slots.reciprocal),
                    self.constants.fraction_bits.eq(slots.fraction_bits),
                ]
        with m.Elif(is_opcode(self.settings, Opcode.TABLE)):
            m.d.comb += [
                segments.valid.eq(i.valid),
                segments.p.segment.base.eq(segment[:16]),
                segments.p.segment.rise.eq(segment[32:49]),
                segments.p.index.eq((slots.table << SHORT_BITS) + index),
                i.ready.eq(segments.ready & (last | (place == by_word - 1))),
                self.finished.eq(segments.valid & segments.ready & last),
            ]
            with m.If(segments.valid & segments.ready):
                m.d.sync += [
                    place.eq(Mux(i.ready, 0, place + 1)),
                    index.eq(Mux(last, 0, index + 1)),
                ]
        return m
