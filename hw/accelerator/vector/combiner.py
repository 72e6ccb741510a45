"""Makes one row of up to four, element by element, or of the rows of a window."""

from typing import Any, NamedTuple

from amaranth.hdl import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import COUNT_BITS, word_layout
from hw.accelerator.vector.decode import final_beat, is_opcode, row_slots, settings_layout
from hw.accelerator.vector.fields import Combine, Opcode
from hw.accelerator.vector.plan import VectorPlan
from hw.ops.requantize import clipped
from hw.pipeline import Pipeline, held

BITS = 16
ONE_BITS = 15
ONE = 1 << ONE_BITS
WIDE_BITS = 32


def wide_row_layout(lanes: int) -> data.StructLayout:
    """A beat of a row before it is rescaled."""
    return data.StructLayout({
        "data": data.ArrayLayout(signed(WIDE_BITS), lanes),
        "last": unsigned(1),
    })


class _Beats(NamedTuple):
    """Number ``beat`` of its word: whether that ``leaves`` with it, and if it is the row's last."""

    plan: VectorPlan
    beat: Signal
    leaves: Value
    last: Value

    def part(self, word: Value) -> Any:
        """Its elements."""
        lanes = self.plan.lanes
        if self.plan.beats > 1:
            word = word.word_select(self.beat, BITS * lanes)
        return data.View(data.ArrayLayout(signed(BITS), lanes), word)


class Combiner(wiring.Component):
    """``a``, ``a + b``, ``a * b``, a gate on a state, the new state of a GRU, the cell of an LSTM.

    As ``golden.ops.residual_add`` and ``golden.ops.state_update``. Each is a sum of two products:
    ``a b``, or that with ``q = c * (2**15 - a)`` of a GRU, with ``c * d`` of an LSTM, and sums are
    ``a * 2**15 + b * 2**15``: rounded ``(a b + q * 2**-(15 - cell_fraction_bits)) / 2**15``.
    Words are cut into beats here, of a row's last word only those that its elements need. With
    reduce a beat is the column sums of a window's rows or the largest of them: of the words of one
    column after the other, up to one with ``done``, it takes its part, so that one beat is all that
    is kept; the same words come again for the next one.

    Latency is ``STAGES`` cycles, throughput one beat per cycle; a word of an LSTM takes one more,
    since c and d come one after the other.

    Members
    -------
    a, b, c : ``hw.accelerator.layout.word_layout``; b and c only where they are read
    settings : held while a row is inside
    o : ``wide_row_layout(lanes)``
    starved : there is room for words that have not come
    """

    STAGES = 5

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        word = stream.Signature(word_layout(plan.word_bytes))
        super().__init__({
            "a": In(word),
            "b": In(word),
            "c": In(word),
            "settings": In(settings_layout(plan)),
            "o": Out(stream.Signature(wide_row_layout(plan.lanes))),
            "starved": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        settings, lanes = self.settings, self.plan.lanes
        combine = settings.flags.combine
        lstm, gru, adds, folds = Signal(), Signal(), Signal(), Signal()
        joined = stream.Signature(unsigned(0)).create()
        beats = self._beats(m, folds, joined)
        # The word of c, while that of d comes.
        first, waits, keeps = Signal(8 * self.plan.word_bytes, reset_less=True), Signal(), Signal()
        uses_b, uses_c, taken = Signal(), Signal(), Signal()
        # A word comes several cycles after its instruction.
        m.d.sync += [
            lstm.eq(combine == Combine.CELL),
            gru.eq(combine == Combine.GRU),
            adds.eq(combine == Combine.ADD),
            folds.eq(is_opcode(settings, Opcode.REDUCE)),
            uses_b.eq(settings.reads_b),
            uses_c.eq(settings.reads_c),
        ]
        m.d.comb += [
            keeps.eq(lstm & ~waits & self.c.valid),
            joined.valid.eq(
                self.a.valid & (~uses_b | self.b.valid) & (~uses_c | (self.c.valid & (gru | waits)))
            ),
            taken.eq(joined.valid & joined.ready & beats.leaves),
            self.starved.eq(joined.ready & ~joined.valid),
            self.a.ready.eq(taken),
            self.b.ready.eq(taken & uses_b),
            self.c.ready.eq((taken & uses_c) | keeps),
        ]
        with m.If(keeps):
            m.d.sync += [first.eq(self.c.p.data), waits.eq(1)]
        with m.If(taken):
            m.d.sync += waits.eq(0)
        made = stream.Signature(unsigned(0)).create()
        pipeline = Pipeline(m, joined, made, self.STAGES)
        moves = pipeline.moves
        folded, start = self._fold(m, pipeline, made, folds, beats.last)

        # 1: factors; of what is as it comes, one is 1.
        a, b, d, kept = (
            beats.part(x) for x in (self.a.p.data, self.b.p.data, self.c.p.data, first)
        )
        grows, largest, finer = Signal(), settings.flags.maximum, Signal(4)
        m.d.sync += finer.eq(~row_slots(settings).cell_fraction_bits & lstm.replicate(4))
        m.d.comb += grows.eq(folds & ~start & ~largest)
        for lane in range(lanes):
            factors = Signal(data.ArrayLayout(signed(BITS + 2), 3), name=f"factors_{lane}")
            by, more, other = factors
            m.d.comb += [
                by.eq(Mux(uses_b & ~adds, b[lane], Mux(folds, 1, ONE))),
                more.eq(Mux(adds, b[lane], Mux(uses_c, Mux(lstm, kept[lane], d[lane]), 0))),
                other.eq(Mux(gru, ONE - a[lane], Mux(adds, ONE, d[lane]))),
            ]
            by = held(m, moves, f"by_{lane}", by[: BITS + 1].as_signed())
            more = held(m, moves, f"more_{lane}", more[:BITS].as_signed())
            other = held(m, moves, f"other_{lane}", other)
            # 2: products, none of which takes more bits.
            p = (held(m, moves, f"a_{lane}", a[lane]) * by)[:WIDE_BITS].as_signed()
            q = (more * other)[:WIDE_BITS].as_signed()
            p = held(m, moves, f"p_{lane}", p, 2)
            # 3: the finer one cut.
            q = held(m, moves, f"q_{lane}", q)
            q = held(m, moves, f"q_later_{lane}", q >> finer)
            # 4: their sum; of a window that with the rows so far, or the larger one.
            total = Signal(signed(WIDE_BITS + 1), name=f"total_{lane}", reset_less=True)
            smaller = Signal(name=f"smaller_{lane}")
            m.d.comb += smaller.eq(p[:BITS].as_signed() <= total[:BITS].as_signed())
            with m.If(folded & ~(largest & ~start & smaller)):
                m.d.sync += total.eq(p + Mux(grows, total, q))
            # 5: rounded, but for products and windows.
            state = (total.shift_right(ONE_BITS - 1) + 1).shift_right(1)
            state = clipped(m, f"state_{lane}", state, BITS)
            whole = folds | (combine == Combine.PRODUCT)
            x = Mux(whole, total[:WIDE_BITS].as_signed(), state)[:WIDE_BITS]
            m.d.comb += self.o.p.data[lane].eq(held(m, moves, f"o_{lane}", x))
        return m

    def _beats(self, m: Module, folds: Value, joined: Any) -> _Beats:
        """Count the beats of words, and with reduce the words of a window."""
        plan, settings, a = self.plan, self.settings, self.a.p
        # Of a window's words: the number of the one behind this one, and whether this is the last.
        following, first, last_place = Signal(COUNT_BITS, init=2), Signal(init=1), Signal()
        one_word, last_word = Signal(), Signal()
        beat, final, ends = Signal(range(plan.beats)), Signal(init=1), Signal()
        m.d.sync += one_word.eq(settings.words == 1)
        m.d.comb += [
            last_word.eq(Mux(folds, last_place, a.last)),
            # The last row of a window, and any other.
            ends.eq(joined.valid & joined.ready & (~folds | a.done)),
        ]
        if plan.beats > 1:
            few = Signal.like(beat)
            m.d.sync += few.eq(final_beat(plan, settings.tail))
            m.d.comb += final.eq(beat == Mux(last_word, few, plan.beats - 1))
            with m.If(ends):
                m.d.sync += beat.eq(Mux(final, 0, beat + 1))
        with m.If(ends & folds & final):
            m.d.sync += [
                first.eq(last_place),
                following.eq(Mux(last_place, 2, following + 1)),
                last_place.eq(Mux(last_place, one_word, following == settings.words)),
            ]
        with m.Elif(first):
            m.d.sync += last_place.eq(one_word)
        return _Beats(plan=plan, beat=beat, leaves=folds | final, last=last_word & final)

    def _fold(
        self, m: Module, pipeline: Pipeline, made: Any, folds: Value, last: Value
    ) -> tuple[Signal, Signal]:
        """Let whole windows out only; return whether a beat enters stage 4, and if as the first."""
        moves = pipeline.moves
        enters, start = Signal(), Signal(init=1)
        done = held(m, moves, "done", self.a.p.done, 3)
        leaves = held(m, moves, "leaves", ~folds | done, 2)
        m.d.comb += [
            enters.eq(moves & pipeline.valids[3]),
            self.o.p.last.eq(held(m, moves, "o_last", last, self.STAGES)),
            self.o.valid.eq(made.valid & leaves),
            made.ready.eq(self.o.ready | ~leaves),
        ]
        with m.If(enters):
            m.d.sync += start.eq(~folds | done)
        return enters, start
