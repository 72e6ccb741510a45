"""The weight unit: tiles of weights and their channel numbers from memory to the cores."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import Out

from golden.spec import CoreSpec
from hw.accelerator.axi import ADDRESS_BITS
from hw.accelerator.core_passes import GROUP_BITS
from hw.accelerator.core_unit import chosen_layout
from hw.accelerator.faults import Fault
from hw.accelerator.layout import unit_members
from hw.accelerator.memory_layout import memory_read_signature
from hw.core.layout import channels_layout, weights_layout
from hw.core.plan import CorePlan
from hw.stream import Queue

CHANNEL_BYTES = 8
AHEAD = 4
"""Instructions whose words may be on their way."""


def load_layout(cores: int, set_bits: int) -> data.StructLayout:
    """An instruction under way: its tiles, and the cores of its first one."""
    return data.StructLayout({
        "k_tiles": unsigned(16),
        "tiles": unsigned(cores.bit_length()),
        "groups": unsigned(GROUP_BITS),
        "set": unsigned(set_bits),
    })


class WeightUnit(wiring.Component):
    """Tile (k, t) goes to set ``(first + k) mod weight_sets`` of the cores of tile t.

    Throughput is one word of weights per cycle. Channel numbers are kept, all of an instruction,
    and given one column per cycle while the next instruction's weights go on.

    Members
    -------
    instructions, completed, fault, busy, input_stalled, output_stalled : as every unit has
    memory_stalled : waits for a word of memory
    memory : a client of the memory port
    weights, channels : beats for the cores of a tile
    """

    def __init__(self, spec: CoreSpec, plan: CorePlan, cores: int) -> None:
        if spec.macro.weight_sets.bit_count() != 1:
            raise ValueError(f"weight_sets must be a power of two, not {spec.macro.weight_sets}")
        if plan.macro.weight_lanes != 2 or spec.macro.weight_bits != 8:
            raise ValueError(
                "a beat of weights must be a word: weight_lanes 2 and weight_bits 8, "
                f"not {plan.macro.weight_lanes} and {spec.macro.weight_bits}"
            )
        self.spec, self.plan, self.cores = spec, plan, cores
        self.word_bytes = spec.lanes
        weights = chosen_layout(cores, weights_layout(spec, plan))
        super().__init__({
            **unit_members(),
            "memory_stalled": Out(1),
            "memory": Out(memory_read_signature(self.word_bytes)),
            "weights": Out(stream.Signature(weights)),
            "channels": Out(stream.Signature(chosen_layout(cores, channels_layout(spec)))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        set_bits = self.spec.macro.set_bits
        m.submodules.loads = loads = Queue(load_layout(self.cores, set_bits), AHEAD)
        m.submodules.kept = kept = Queue(self._kept_layout(), self.cores * self._channel_words)
        under_way = Signal(range(2 * AHEAD + 2))
        begins, nothing, ends = Signal(), Signal(), Signal()
        m.d.sync += under_way.eq(under_way + begins - ends)
        self._ask(m, loads.i, begins, nothing, under_way)
        self._place(m, loads.o, kept.i)
        m.d.comb += ends.eq(self._channels(m, kept.o))
        words = self.memory.words
        m.d.comb += [
            self.completed.eq(ends | nothing),
            self.busy.eq(under_way != 0),
            self.memory_stalled.eq(loads.o.valid & ~words.valid),
            self.output_stalled.eq(loads.o.valid & words.valid & ~words.ready),
        ]
        return m

    @property
    def _tile_words(self) -> int:
        return self.spec.lanes // 2

    @property
    def _channel_words(self) -> int:
        """Words of a tile's channel numbers."""
        return self.spec.columns * CHANNEL_BYTES // self.word_bytes

    def _kept_layout(self) -> data.StructLayout:
        """A word of channel numbers; ``done`` the last of its instruction."""
        return data.StructLayout({
            "word": unsigned(8 * self.word_bytes),
            "cores": unsigned(self.cores),
            "part": unsigned(max(1, (self._channel_words - 1).bit_length())),
            "set": unsigned(self.spec.macro.set_bits),
            "done": unsigned(1),
        })

    def _ask(
        self, m: Module, load: Any, begins: Signal, nothing: Signal, under_way: Signal
    ) -> None:
        """Take instructions and ask memory for each k's tiles, then for the channel numbers."""
        given = self.instructions.p
        tiling = given.slots[1]
        k_tiles, tiles, groups, first = tiling[:16], tiling[16:24], tiling[24:28], tiling[28:]
        request = self.memory.requests
        address = Signal(ADDRESS_BITS, reset_less=True)
        left, asked = Signal(17), Signal(self.cores.bit_length(), reset_less=True)
        channels = left == 1
        tile_words = Mux(channels, self._channel_words, self._tile_words)
        m.d.comb += [
            load.p.k_tiles.eq(k_tiles),
            load.p.tiles.eq(tiles),
            load.p.groups.eq(groups),
            load.p.set.eq(first),
            request.valid.eq(left != 0),
            request.p.address.eq(address),
            request.p.words.eq(asked * tile_words),
        ]
        with m.If(request.valid & request.ready):
            m.d.sync += [
                address.eq(address + request.p.words * self.word_bytes),
                left.eq(left - 1),
            ]
        empty = (given.counts[0] == 0) | (k_tiles == 0) | (tiles == 0)
        with m.If(self.instructions.valid & (left == 0) & (self.fault == 0)):
            with m.If(empty):
                # It completes in its turn: when nothing is before it.
                m.d.comb += nothing.eq(under_way == 0)
                m.d.comb += self.instructions.ready.eq(nothing)
            with m.Elif((tiles << groups) > self.cores):
                m.d.sync += self.fault.eq(Fault.FIELD)
            with m.Elif(load.ready & (under_way != 2 * AHEAD)):
                m.d.comb += [self.instructions.ready.eq(1), begins.eq(1), load.valid.eq(1)]
                m.d.sync += [
                    address.eq(given.slots[0]),
                    left.eq(k_tiles + 1),
                    asked.eq(tiles),
                ]

    def _place(self, m: Module, load: Any, kept: Any) -> None:
        """Give each word of weights to its cores, and keep the words of channel numbers."""
        words, beat = self.memory.words, self.weights.p.beat
        p = load.p
        k, tile = Signal(16), Signal(self.cores.bit_length())
        word = Signal(range(self._tile_words))
        channels, last_k, last_tile, last_word = Signal(), Signal(), Signal(), Signal()
        cores = Signal(self.cores)
        moves = Signal()
        place = Mux(channels, p.k_tiles - 1, k)
        group = ((1 << (1 << p.groups)) - 1)[: self.cores]
        m.d.comb += [
            cores.eq(group << (tile << p.groups)),
            last_k.eq(k == p.k_tiles - 1),
            last_tile.eq(tile == p.tiles - 1),
            last_word.eq(word == Mux(channels, self._channel_words, self._tile_words) - 1),
            self.weights.valid.eq(load.valid & words.valid & ~channels),
            self.weights.p.cores.eq(cores),
            Value.cast(beat.data).eq(words.payload),
            beat.lane.eq(word << 1),
            beat.set.eq(p.set + place),
            beat.last.eq(last_word),
            kept.valid.eq(load.valid & words.valid & channels),
            kept.p.word.eq(words.payload),
            kept.p.cores.eq(cores),
            kept.p.part.eq(word),
            kept.p.set.eq(p.set + place),
            kept.p.done.eq(last_word & last_tile),
            words.ready.eq(load.valid & Mux(channels, kept.ready, self.weights.ready)),
            moves.eq(words.valid & words.ready),
            load.ready.eq(moves & channels & kept.p.done),
        ]
        with m.If(moves):
            m.d.sync += word.eq(Mux(last_word, 0, word + 1))
            with m.If(last_word):
                m.d.sync += tile.eq(Mux(last_tile, 0, tile + 1))
                with m.If(last_tile):
                    m.d.sync += k.eq(Mux(last_k | channels, 0, k + 1))
                    m.d.sync += channels.eq(~channels & last_k)

    def _channels(self, m: Module, kept: Any) -> Value:
        """Give each column's numbers of the kept words; whether an instruction ends with it."""
        numbers = data.StructLayout({
            "multiplier": unsigned(16),
            "unused": unsigned(16),
            "bias": signed(32),
        })
        per_word = self.word_bytes // CHANNEL_BYTES
        place, last = Signal(range(max(2, per_word))), Signal()
        view = data.View(data.ArrayLayout(numbers, per_word), kept.p.word)
        number, beat = view[place], self.channels.p.beat
        column = Cat(place[: (per_word - 1).bit_length()], kept.p.part)
        moves = Signal()
        m.d.comb += [
            last.eq(place == per_word - 1),
            self.channels.valid.eq(kept.valid),
            self.channels.p.cores.eq(kept.p.cores),
            beat.multiplier.eq(number.multiplier),
            beat.bias.eq(number.bias),
            beat.column.eq(column),
            beat.set.eq(kept.p.set),
            beat.last.eq(column == self.spec.columns - 1),
            moves.eq(kept.valid & self.channels.ready),
            kept.ready.eq(moves & last),
        ]
        with m.If(moves):
            m.d.sync += place.eq(Mux(last, 0, place + 1))
        return moves & last & kept.p.done
