"""Makes one row of up to four, element by element."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import word_layout
from hw.accelerator.vector.decode import row_slots, settings_layout
from hw.accelerator.vector.fields import Combine
from hw.accelerator.vector.plan import VectorPlan
from hw.ops.requantize import clipped
from hw.pipeline import Pipeline, held

BITS = 16
ONE_BITS = 15
WIDE_BITS = 32


def wide_row_layout(lanes: int) -> data.StructLayout:
    """A word of a row before it is rescaled; ``done`` ends what is folded into it."""
    return data.StructLayout({
        "data": data.ArrayLayout(signed(WIDE_BITS), lanes),
        "last": unsigned(1),
        "done": unsigned(1),
    })


class Combiner(wiring.Component):
    """``a``, ``a + b``, ``a * b``, a gate on a state, the new state of a GRU, the cell of an LSTM.

    As ``golden.ops.residual_add`` and ``golden.ops.state_update``. With p = a b and
    ``q = c * (2**15 - a)`` of a GRU or ``c * d`` of an LSTM, a state is
    ``round((p + q * 2**-(15 - cell_fraction_bits)) / 2**15)``. Latency is ``STAGES`` cycles,
    throughput one word per cycle; of an LSTM one in two, since c and d come one after the other.

    Members
    -------
    a, b, c : ``hw.accelerator.layout.word_layout``; b and c only where they are read
    settings : held while a row is inside
    o : ``wide_row_layout(lanes)``
    starved : there is room for words that have not come
    """

    STAGES = 3

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
        combine = self.settings.flags.combine
        lstm, gru = Signal(), Signal()
        joined = stream.Signature(unsigned(0)).create()
        # The word of c, while that of d comes.
        first, waits, keeps = Signal(8 * self.plan.word_bytes, reset_less=True), Signal(), Signal()
        uses_b, uses_c, taken = Signal(), Signal(), Signal()
        m.d.comb += [
            lstm.eq(combine == Combine.CELL),
            gru.eq(combine == Combine.GRU),
            uses_b.eq(combine != Combine.PASS),
            uses_c.eq(lstm | gru),
            keeps.eq(lstm & ~waits & self.c.valid),
            joined.valid.eq(
                self.a.valid & (~uses_b | self.b.valid) & (~uses_c | (self.c.valid & (gru | waits)))
            ),
            taken.eq(joined.valid & joined.ready),
            self.starved.eq(joined.ready & ~joined.valid),
            self.a.ready.eq(taken),
            self.b.ready.eq(taken & uses_b),
            self.c.ready.eq((taken & uses_c) | keeps),
        ]
        with m.If(keeps):
            m.d.sync += [first.eq(self.c.p.data), waits.eq(1)]
        with m.If(taken):
            m.d.sync += waits.eq(0)
        moves = Pipeline(m, joined, self.o, self.STAGES).moves
        m.d.comb += [
            self.o.p.last.eq(held(m, moves, "last", self.a.p.last, self.STAGES)),
            self.o.p.done.eq(held(m, moves, "done", self.a.p.done, self.STAGES)),
        ]
        finer = ONE_BITS - row_slots(self.settings).cell_fraction_bits
        shift = Mux(lstm, finer.as_unsigned()[:4], 0)
        words = data.ArrayLayout(signed(BITS), self.plan.lanes)
        a, b, d = (data.View(words, x.p.data) for x in (self.a, self.b, self.c))
        c = data.View(words, Mux(lstm, first, self.c.p.data))
        for lane in range(self.plan.lanes):
            total = clipped(m, f"sum_{lane}", a[lane] + Mux(uses_b, b[lane], 0), BITS)
            other = Mux(gru, (1 << ONE_BITS) - a[lane], d[lane])
            plain = held(m, moves, f"plain_{lane}", total)
            p = held(m, moves, f"p_{lane}", a[lane] * b[lane])
            q = held(m, moves, f"q_{lane}", Mux(uses_c, c[lane] * other, 0))
            plain = held(m, moves, f"plain_later_{lane}", plain)
            p = held(m, moves, f"p_later_{lane}", p)
            q = held(m, moves, f"q_later_{lane}", q >> shift)
            state = (p + q + (1 << (ONE_BITS - 1))).shift_right(ONE_BITS)
            state = clipped(m, f"state_{lane}", state, BITS)
            x = Signal(signed(WIDE_BITS), name=f"x_{lane}")
            with m.Switch(combine):
                with m.Case(Combine.PASS, Combine.ADD):
                    m.d.comb += x.eq(plain)
                with m.Case(Combine.PRODUCT):
                    m.d.comb += x.eq(p)
                with m.Default():
                    m.d.comb += x.eq(state)
            m.d.comb += self.o.p.data[lane].eq(held(m, moves, f"o_{lane}", x))
        return m
