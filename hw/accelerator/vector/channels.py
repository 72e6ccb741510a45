"""Signed multipliers and biases of a row's columns, loaded by words and read a word ahead."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.accelerator.vector.plan import VectorPlan

MULTIPLIER_BITS = 16
BIAS_BITS = 32
ENTRY_BITS = 64
QUARTERS = 4
"""Words that hold the numbers of a word's columns."""


class Channels(wiring.Component):
    """``o[lane]`` holds the numbers of column ``group * lanes + lane``, one cycle after ``group``.

    A word of ``words`` brings those of ``lanes / 4`` columns, from column 0 on; ``restart`` begins
    again there. Whoever loads waits until the rows that use the old numbers have left.

    Members
    -------
    words : always taken
    restart : the next word is the first
    group : which columns to read
    multipliers, negatives, biases : per lane; magnitude and sign of the multiplier
    """

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        super().__init__({
            "words": In(stream.Signature(unsigned(8 * plan.word_bytes))),
            "restart": In(1),
            "group": In(range(plan.groups)),
            "multipliers": Out(unsigned(MULTIPLIER_BITS)).array(plan.lanes),
            "negatives": Out(unsigned(1)).array(plan.lanes),
            "biases": Out(signed(BIAS_BITS)).array(plan.lanes),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        columns = self.plan.lanes // QUARTERS
        entry = data.StructLayout({
            "multiplier": unsigned(MULTIPLIER_BITS),
            "negative": unsigned(1),
            "bias": signed(BIAS_BITS),
        })
        shape = data.ArrayLayout(data.ArrayLayout(entry, columns), QUARTERS)
        m.submodules.table = table = Memory(shape=shape, depth=self.plan.groups, init=[])
        write, read = table.write_port(granularity=1), table.read_port()
        place = Signal(range(QUARTERS * self.plan.groups))
        m.d.comb += [
            self.words.ready.eq(1),
            write.addr.eq(place >> (QUARTERS.bit_length() - 1)),
            read.addr.eq(self.group),
            *(
                write.en[quarter].eq(self.words.valid & (place[:2] == quarter))
                for quarter in range(QUARTERS)
            ),
        ]
        with m.If(self.restart):
            m.d.sync += place.eq(0)
        with m.Elif(self.words.valid):
            m.d.sync += place.eq(place + 1)
        for column in range(columns):
            numbers = self.words.payload.word_select(column, ENTRY_BITS)
            multiplier = numbers[: MULTIPLIER_BITS + 1].as_signed()
            loaded = Signal(entry, name=f"loaded_{column}")
            m.d.comb += [
                loaded.negative.eq(multiplier < 0),
                loaded.multiplier.eq(Mux(multiplier < 0, -multiplier, multiplier)),
                loaded.bias.eq(numbers[32:]),
                *(write.data[quarter][column].eq(loaded) for quarter in range(QUARTERS)),
            ]
            for quarter in range(QUARTERS):
                lane, found = quarter * columns + column, read.data[quarter][column]
                m.d.comb += [
                    self.multipliers[lane].eq(found.multiplier),
                    self.negatives[lane].eq(found.negative),
                    self.biases[lane].eq(found.bias),
                ]
        return m
