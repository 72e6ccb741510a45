"""Signed multipliers and biases of a row's columns, loaded by words and read a beat ahead."""

from typing import Any

from amaranth.hdl import Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.spec import ceil_log2
from hw.accelerator.vector.plan import VectorPlan

MULTIPLIER_BITS = 16
BIAS_BITS = 32
ENTRY_BITS = 64


class Channels(wiring.Component):
    """``o[lane]`` holds the numbers of column ``group * lanes + lane``, one cycle after ``group``.

    A word of ``words`` brings those of ``word_bytes / 8`` columns, from column 0 on; ``restart``
    begins again there. Whoever loads waits until the rows that use the old numbers have left.

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
        columns, lanes = 8 * self.plan.word_bytes // ENTRY_BITS, self.plan.lanes
        # What is read at a time takes several words to load, or is a share of one.
        parts, shares = max(1, lanes // columns), max(1, columns // lanes)
        depth = -(-self.plan.groups // shares)
        entry = data.StructLayout({
            "multiplier": unsigned(MULTIPLIER_BITS),
            "negative": unsigned(1),
            "bias": signed(BIAS_BITS),
        })
        shape = data.ArrayLayout(data.ArrayLayout(entry, columns), parts)
        m.submodules.table = table = Memory(shape=shape, depth=depth, init=[])
        write, read = table.write_port(granularity=1), table.read_port()
        place = Signal(range(parts * depth))
        part, share = place[: ceil_log2(parts)], self.group[: ceil_log2(shares)]
        m.d.comb += [
            self.words.ready.eq(1),
            write.addr.eq(place >> len(part)),
            read.addr.eq(self.group >> len(share)),
            *(write.en[number].eq(self.words.valid & (part == number)) for number in range(parts)),
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
                *(write.data[number][column].eq(loaded) for number in range(parts)),
            ]
        asked = Value.cast(read.data)
        if shares > 1:
            chosen = Signal.like(share)
            m.d.sync += chosen.eq(share)
            asked = asked.word_select(chosen, lanes * Shape.cast(entry).width)
        found = data.View(data.ArrayLayout(entry, lanes), asked)
        for lane in range(lanes):
            m.d.comb += [
                self.multipliers[lane].eq(found[lane].multiplier),
                self.negatives[lane].eq(found[lane].negative),
                self.biases[lane].eq(found[lane].bias),
            ]
        return m
