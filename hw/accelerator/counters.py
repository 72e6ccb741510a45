"""Counts many events at once, in one memory."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.spec import ceil_log2

_TAPS = {4: 1, 5: 2, 6: 1, 7: 1}
"""By width: a shift register fed by bit 0 and this bit comes to every state but 0."""

_NEXT = 3
"""From turn to turn: of 32 events, a reader of one after the other waits eleven cycles for each."""


class Counters(wiring.Component):
    """How often each of ``events`` has happened, exact in every cycle.

    Every event moves a small shift register on, through all of its states in a fixed order; counts
    stand in a memory. There each event has its turn, one a cycle and all in ``events`` cycles: the
    place of its state in that order becomes the lowest bits of its count, which grows by less than
    what they can tell. A count is told at its event's turn, as it is then.

    A count is told 2 to ``events + 1`` cycles after it is asked for; and again as long as it is.

    Parameters
    ----------
    events : 8, 16, 32 or 64
    width : bits of a count, which then starts anew at 0

    Members
    -------
    happens : bit per event: counts it
    clear : every count is 0 from the next cycle on
    wanted, event : asks for a count, until told
    told, count : it, as it was at the beginning of the cycle before
    overflows : the count of event 0 has started anew; once, at its turn
    """

    def __init__(self, events: int, width: int) -> None:
        self.events, self.width = events, width
        self.low_bits = ceil_log2(events) + 1
        if self.low_bits not in _TAPS or 2 * events != 1 << self.low_bits:
            raise ValueError(f"events must be 8, 16, 32 or 64, not {events}")
        if width <= self.low_bits:
            raise ValueError(f"width must be above {self.low_bits}, not {width}")
        super().__init__({
            "happens": In(events),
            "clear": In(1),
            "wanted": In(1),
            "event": In(range(events)),
            "told": Out(1),
            "count": Out(width),
            "overflows": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        low_bits = self.low_bits
        m.submodules.memory = memory = Memory(shape=self.width, depth=self.events, init=[])
        write, read = memory.write_port(), memory.read_port(domain="comb")
        states = [Signal(low_bits, name=f"state_{event}") for event in range(self.events)]
        for happens, state in zip(self.happens, states, strict=True):
            with m.If(self.clear):
                m.d.sync += state.eq(0)
            with m.Elif(happens):
                fed = state[0] ^ state[_TAPS[low_bits]] ^ ~state[1:].any()
                m.d.sync += state.eq(Cat(state[1:], fed))

        turn, last_turn = Signal(range(self.events)), Signal(range(self.events))
        # Turns, behind that of the clear, until all of the memory's words are of now.
        stale = Signal(range(self.events))
        with m.If(self.clear):
            m.d.sync += stale.eq(self.events - 1)
        with m.Elif(stale != 0):
            m.d.sync += stale.eq(stale - 1)
        before = Signal(self.width, reset_less=True)
        state = Signal(low_bits, reset_less=True)
        low, high = Signal(low_bits), Signal(self.width - low_bits + 1)
        places = Cat(Const(place, low_bits) for place in _places(low_bits))
        m.d.comb += [
            read.addr.eq(turn),
            low.eq(places.word_select(state, low_bits)),
            high.eq(before[low_bits:] + (low < before[:low_bits])),
            self.count.eq(Cat(low, high)),
            self.overflows.eq(high[-1] & (last_turn == 0)),
            write.en.eq(1),
            write.addr.eq(last_turn),
            write.data.eq(self.count),
        ]
        m.d.sync += [
            turn.eq(turn + _NEXT),
            last_turn.eq(turn),
            before.eq(Mux(self.clear | (stale != 0), 0, read.data)),
            state.eq(Mux(self.clear, 0, Cat(states).word_select(turn, low_bits))),
            self.told.eq(self.wanted & (turn == self.event)),
        ]
        return m


def _places(bits: int) -> list[int]:
    """Place of every state in the order in which a shift register comes to them, from 0 on."""
    places, state = [0] * (1 << bits), 0
    for place in range(1 << bits):
        places[state] = place
        fed = (state ^ state >> _TAPS[bits] ^ (state >> 1 == 0)) & 1
        state = state >> 1 | fed << bits - 1
    return places
