"""Signed multipliers and biases of a row's columns, loaded by words and read a beat ahead."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.spec import ceil_log2
from hw.accelerator.vector.plan import VectorPlan

MULTIPLIER_BITS = 16
BIAS_BITS = 32
ENTRY_BITS = 64


def numbers_layout() -> data.StructLayout:
    """Of a column, without its multiplier's sign."""
    return data.StructLayout({
        "multiplier": unsigned(MULTIPLIER_BITS),
        "bias": signed(BIAS_BITS),
    })


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
        columns = self._columns
        place = Signal(range(self._parts * self._depth))
        m.d.comb += self.words.ready.eq(1)
        with m.If(self.restart):
            m.d.sync += place.eq(0)
        with m.Elif(self.words.valid):
            m.d.sync += place.eq(place + 1)
        numbers = Signal(data.ArrayLayout(numbers_layout(), columns))
        signs = Signal(columns)
        for column in range(columns):
            entry = self.words.payload.word_select(column, ENTRY_BITS)
            multiplier = entry[: MULTIPLIER_BITS + 1].as_signed()
            m.d.comb += [
                signs[column].eq(multiplier < 0),
                numbers[column].multiplier.eq(Mux(multiplier < 0, -multiplier, multiplier)),
                numbers[column].bias.eq(entry[32:]),
            ]
        found = data.View(
            data.ArrayLayout(numbers_layout(), self.plan.lanes),
            self._table(m, "numbers", place, Value.cast(numbers)),
        )
        # Signs are wanted earlier in a cycle than a large memory has them.
        negatives = self._table(m, "signs", place, signs)
        for lane in range(self.plan.lanes):
            m.d.comb += [
                self.multipliers[lane].eq(found[lane].multiplier),
                self.negatives[lane].eq(negatives[lane]),
                self.biases[lane].eq(found[lane].bias),
            ]
        return m

    @property
    def _columns(self) -> int:
        """Columns whose numbers are in a word."""
        return 8 * self.plan.word_bytes // ENTRY_BITS

    @property
    def _parts(self) -> int:
        """Words that bring what is read at a time."""
        return max(1, self.plan.lanes // self._columns)

    @property
    def _shares(self) -> int:
        """Beats that read what a word has brought."""
        return max(1, self._columns // self.plan.lanes)

    @property
    def _depth(self) -> int:
        """What is read at a time, or a word if that is more, so many times."""
        return -(-self.plan.groups // self._shares)

    def _table(self, m: Module, name: str, place: Value, loaded: Value) -> Value:
        """Keep what a word brings at its ``place``, return that of all lanes of ``group``."""
        shape = data.ArrayLayout(len(loaded), self._parts)
        m.submodules[name] = table = Memory(shape=shape, depth=self._depth, init=[])
        write, read = table.write_port(granularity=1), table.read_port()
        part, share = place[: ceil_log2(self._parts)], self.group[: ceil_log2(self._shares)]
        m.d.comb += [write.addr.eq(place >> len(part)), read.addr.eq(self.group >> len(share))]
        for number in range(self._parts):
            m.d.comb += [
                write.data[number].eq(loaded),
                write.en[number].eq(self.words.valid & (part == number)),
            ]
        found = Value.cast(read.data)
        if self._shares > 1:
            chosen = Signal(len(share), name=f"chosen_{name}")
            m.d.sync += chosen.eq(share)
            found = found.word_select(chosen, len(found) // self._shares)
        return found
