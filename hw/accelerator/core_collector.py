"""What leaves the cores: rows of each core put together to words and written."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.buffer import first_from
from hw.accelerator.core_passes import last_group, members, padded_rows, pass_layout
from hw.accelerator.layout import COUNT_BITS, write_signature


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
    completed : a pass's last word was taken
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
        rows, groups = Signal(COUNT_BITS, reset_less=True), Signal(5, reset_less=True)
        starts = Signal()
        beats = self.word_bytes // (2 * self.lanes)
        full = [Signal(name=f"full_{core}") for core in self.places]
        words, addresses, finished, chosen_words = [], [], [], []
        m.submodules.arbiter = arbiter = Arbiter(len(self.places))
        part = members(self.cores, p.tiles, p.groups)
        for place, core in enumerate(self.places):
            i = self.rows[place]
            word = Signal(8 * self.word_bytes, name=f"word_{core}", reset_less=True)
            beat = Signal(range(beats), name=f"beat_{core}")
            left = Signal(COUNT_BITS, name=f"left_{core}")
            row = Signal(COUNT_BITS + 1, name=f"row_{core}", reset_less=True)
            address = Signal(self.address_bits, name=f"address_{core}", reset_less=True)
            leaves, drops = Signal(name=f"leaves_{core}"), Signal(name=f"drops_{core}")
            waits = active & full[place] & (left != 0)
            m.d.comb += [
                drops.eq(waits & (row >= rows)),
                arbiter.wants[place].eq(waits & (row < rows)),
                leaves.eq(drops | (arbiter.chosen[place] & self.port.requests.ready)),
                i.ready.eq(~full[place] | leaves),
            ]
            with m.If(leaves):
                m.d.sync += [
                    full[place].eq(0),
                    left.eq(left - 1),
                    row.eq(row + groups),
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
                    left.eq(Mux(part[core], padded_rows(p.rows, p.groups) >> p.groups, 0)),
                    row.eq(group),
                    address.eq(p.result + (core >> p.groups) + group * p.result_stride),
                ]
            words.append(word)
            addresses.append(address)
            finished.append((left == 0) | ((left == 1) & leaves))
            chosen_words.append(arbiter.chosen[place])
        ends = Cat(finished).all()
        m.d.comb += [
            starts.eq(self.i.valid & (~active | ends)),
            self.i.ready.eq(~active | ends),
            self.completed.eq(active & ends),
            self.busy.eq(active),
            self.waits.eq((arbiter.wants & ~arbiter.chosen).any()),
            self.port.requests.valid.eq(arbiter.wants.any()),
            arbiter.served.eq(self.port.requests.ready),
        ]
        for chosen, word, address in zip(chosen_words, words, addresses, strict=True):
            with m.If(chosen):
                m.d.comb += [
                    self.port.requests.p.data.eq(word),
                    self.port.requests.p.address.eq(address),
                ]
        with m.If(self.i.ready):
            m.d.sync += active.eq(self.i.valid)
            with m.If(self.i.valid):
                m.d.sync += [
                    step.eq(p.result_stride << p.groups),
                    rows.eq(p.rows),
                    groups.eq(1 << p.groups),
                ]
        return m


class Arbiter(wiring.Component):
    """One of those that want something, each in its turn; it stays until it is served."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__({"wants": In(count), "served": In(1), "chosen": Out(count)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        turn = Signal(range(self.count))
        chosen = first_from(m, self.wants, turn, "turn")
        m.d.comb += self.chosen.eq(chosen)
        for index in range(self.count):
            with m.If(chosen[index]):
                following = (index + 1) % self.count
                m.d.sync += turn.eq(Mux(self.served, following, index))
        return m
