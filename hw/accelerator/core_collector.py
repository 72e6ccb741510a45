"""What leaves the cores: rows of each core put together to words and written."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.buffer import first_from
from hw.accelerator.core_passes import group_rows, last_group, last_rows, members, pass_layout
from hw.accelerator.layout import COUNT_BITS, write_signature

WRITES = 4
"""Words that may have been taken by a port of the buffer and not be there yet."""


class CoreCollector(wiring.Component):
    """Writes the word of tile t and row n to ``result + t + n * result_stride``.

    Every core gives its rows in order, a beat of ``lanes`` codes at a time. Throughput is one word
    per cycle, of the cores in turn; passes do not overlap here.

    Parameters
    ----------
    places : numbers of the cores that it collects from, of ``cores`` in all

    Members
    -------
    i : passes (``hw.accelerator.core_passes``)
    rows : per place its core's codes
    port : to the buffer
    completed : a pass's last word is in the buffer
    busy, waits : a pass is under way; more than one core has a word
    """

    def __init__(
        self, cores: int, address_bits: int, word_bytes: int, lanes: int, places: Sequence[int]
    ) -> None:
        self.cores, self.address_bits, self.word_bytes = cores, address_bits, word_bytes
        self.lanes, self.places = lanes, places
        super().__init__({
            "i": In(stream.Signature(pass_layout(address_bits))),
            "rows": In(stream.Signature(unsigned(16 * lanes))).array(len(places)),
            "port": Out(write_signature(address_bits, word_bytes)),
            "completed": Out(1),
            "busy": Out(1),
            "waits": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        p = self.i.p
        active, step = Signal(), Signal(self.address_bits, reset_less=True)
        starts, ending = Signal(), Signal()
        beats = self.word_bytes // (2 * self.lanes)
        full = [Signal(name=f"full_{core}") for core in self.places]
        words, addresses, finished, chosen_words = [], [], [], []
        m.submodules.arbiter = arbiter = Arbiter(len(self.places))
        part = members(self.cores, p.tiles, p.groups)
        rows, owners = group_rows(p), last_rows(p)
        for place, core in enumerate(self.places):
            i = self.rows[place]
            word = Signal(8 * self.word_bytes, name=f"word_{core}", reset_less=True)
            beat = Signal(range(beats), name=f"beat_{core}")
            left = Signal(COUNT_BITS, name=f"left_{core}", reset_less=True)
            # Rows are to come; one of them; that one only fills up what others have.
            more, final = Signal(name=f"more_{core}"), Signal(name=f"final_{core}")
            fills = Signal(name=f"fills_{core}", reset_less=True)
            address = Signal(self.address_bits, name=f"address_{core}", reset_less=True)
            leaves, drops = Signal(name=f"leaves_{core}"), Signal(name=f"drops_{core}")
            waits = full[place] & more
            m.d.comb += [
                drops.eq(waits & final & fills),
                arbiter.wants[place].eq(waits & ~(final & fills)),
                leaves.eq(drops | (arbiter.chosen[place] & self.port.requests.ready)),
                i.ready.eq(~full[place] | leaves),
            ]
            with m.If(leaves):
                m.d.sync += [
                    full[place].eq(0),
                    left.eq(left - 1),
                    final.eq(left == 2),
                    more.eq(~final),
                    address.eq(address + step),
                ]
            with m.If(i.valid & i.ready):
                m.d.sync += [
                    word.eq(Cat(word, i.payload)[len(i.payload) :]),
                    beat.eq(Mux(beat == beats - 1, 0, beat + 1)),
                ]
                with m.If(beat == beats - 1):
                    m.d.sync += full[place].eq(1)
            group = (core & last_group(p.groups))[:4]
            with m.If(starts):
                m.d.sync += [
                    left.eq(rows),
                    more.eq(part[core] & ~p.empty),
                    final.eq(rows == 1),
                    fills.eq((owners != 0) & (group >= owners)),
                    address.eq(p.result + (core >> p.groups) + group * p.result_stride),
                ]
            words.append(word)
            addresses.append(address)
            finished.append(~more | (final & leaves))
            chosen_words.append(arbiter.chosen[place])
        ends = Cat(finished).all() & ~ending
        m.d.comb += [
            starts.eq(self.i.valid & (~active | ends)),
            self.i.ready.eq(~active | ends),
            self.busy.eq(active | ending),
            self.port.requests.p.ends.eq(1),
            self.waits.eq((arbiter.wants & ~arbiter.chosen).any()),
            self.port.requests.valid.eq(arbiter.wants.any()),
            arbiter.served.eq(self.port.requests.ready),
        ]
        self._complete(m, active & ends, ending)
        for chosen, word, address in zip(chosen_words, words, addresses, strict=True):
            with m.If(chosen):
                m.d.comb += [
                    self.port.requests.p.data.eq(word),
                    self.port.requests.p.address.eq(address),
                ]
        with m.If(self.i.ready):
            m.d.sync += active.eq(self.i.valid)
            with m.If(self.i.valid):
                m.d.sync += step.eq(p.result_stride << p.groups)
        return m

    def _complete(self, m: Module, ends: Value, ending: Signal) -> None:
        """A pass is complete when what was written until its end is in the buffer."""
        request, shape = self.port.requests, range(WRITES + 1)
        pending, later = Signal(shape), Signal(shape)
        left, rest = Signal(shape), Signal(shape)
        m.d.comb += [
            later.eq(pending + (request.valid & request.ready) - self.port.ended),
            rest.eq(left - self.port.ended),
            self.completed.eq(ending & (left == 0)),
        ]
        m.d.sync += [
            pending.eq(later),
            left.eq(Mux(ends, later, Mux(left == 0, 0, rest))),
            ending.eq(ends | (ending & ~self.completed)),
        ]


class Arbiter(wiring.Component):
    """One of those that want something, each in its turn; it stays until it is served."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__({"wants": In(count), "served": In(1), "chosen": Out(count)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        turn = Signal(self.count)
        m.d.comb += self.chosen.eq(first_from(self.wants, turn))
        for index in range(self.count):
            with m.If(self.chosen[index]):
                # Those behind it are next.
                own = (1 << self.count) - (1 << index)
                m.d.sync += turn.eq(Mux(self.served, own & (own - 1), own))
        return m
