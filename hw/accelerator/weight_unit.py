"""The weight unit: tiles of weights and their channel numbers, from memory or from the buffer."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import Out

from golden.spec import CoreSpec
from hw.accelerator.axi import ADDRESS_BITS
from hw.accelerator.checked import Checked
from hw.accelerator.core_passes import GROUP_BITS
from hw.accelerator.core_unit import chosen_layout
from hw.accelerator.faults import Fault
from hw.accelerator.layout import read_signature, unit_members
from hw.accelerator.memory_layout import memory_read_signature
from hw.accelerator.relay import Relay
from hw.accelerator.weight_rows import WeightRows
from hw.core.layout import channels_layout, weights_layout
from hw.core.plan import CorePlan
from hw.stream import Buffer, Queue

CHANNEL_BYTES = 8
AHEAD = 4
"""Instructions whose words may be on their way."""


def load_layout(cores: int, set_bits: int) -> data.StructLayout:
    """An instruction under way: its tiles, and the cores of its first one."""
    return data.StructLayout({
        "last_k": unsigned(16),
        "last_tile": unsigned(cores.bit_length()),
        "groups": unsigned(GROUP_BITS),
        "set": unsigned(set_bits),
        "buffered": unsigned(1),
        "multiplier": unsigned(16),
    })


class WeightUnit(wiring.Component):
    """Tile (k, t) goes to set ``(first + k) mod weight_sets`` of the cores of tile t.

    Throughput is one word of weights per cycle from memory; from the buffer as ``WeightRows`` says,
    with one multiplier for all columns. Channel numbers are kept, all of an instruction, and given
    one column per cycle while the next instruction's weights go on.

    Members
    -------
    instructions, completed, fault, busy, input_stalled, output_stalled : as every unit has
    memory_stalled : waits for a word of memory
    memory : a client of the memory port
    codes : port of the buffer that activations are read from
    weights, channels : beats for the cores of a tile
    """

    def __init__(self, spec: CoreSpec, plan: CorePlan, cores: int, buffer_words: int) -> None:
        if spec.macro.weight_sets.bit_count() != 1:
            raise ValueError(f"weight_sets must be a power of two, not {spec.macro.weight_sets}")
        if plan.macro.weight_lanes != 2 or spec.macro.weight_bits != 8:
            raise ValueError(
                "a beat of weights must be a word: weight_lanes 2 and weight_bits 8, "
                f"not {plan.macro.weight_lanes} and {spec.macro.weight_bits}"
            )
        self.spec, self.plan, self.cores = spec, plan, cores
        self.word_bytes, self.buffer_words = spec.lanes, buffer_words
        self.address_bits = (buffer_words - 1).bit_length()
        weights = chosen_layout(cores, weights_layout(spec, plan))
        super().__init__({
            **unit_members(),
            "memory_stalled": Out(1),
            "memory": Out(memory_read_signature(self.word_bytes)),
            "codes": Out(read_signature(self.address_bits, self.word_bytes)),
            "weights": Out(stream.Signature(weights)),
            "channels": Out(stream.Signature(chosen_layout(cores, channels_layout(spec)))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        set_bits, rows_word = self.spec.macro.set_bits, unsigned(8 * self.word_bytes)
        m.submodules.checked = checked = Checked(self.buffer_words)
        m.submodules.loads = loads = Queue(load_layout(self.cores, set_bits), AHEAD - 1)
        m.submodules.load = load = Buffer(load_layout(self.cores, set_bits))
        m.submodules.beats = beats = Relay(self.weights.payload.shape())
        m.submodules.turned = turned = Relay(rows_word)
        m.submodules.kept = kept = Queue(self._kept_layout(), self.cores * self._channel_words)
        m.submodules.rows = rows = WeightRows(self.address_bits, self.word_bytes, self.cores)
        wiring.connect(m, wiring.flipped(self.instructions), checked.i)
        wiring.connect(m, rows.port, wiring.flipped(self.codes))
        wiring.connect(m, rows.o, turned.i)
        wiring.connect(m, loads.o, load.i)
        wiring.connect(m, beats.o, wiring.flipped(self.weights))
        under_way = Signal(range(2 * AHEAD + 2))
        begins, nothing, ends = Signal(), Signal(), Signal()
        m.d.sync += under_way.eq(under_way + begins - ends)
        self._ask(m, checked, loads.i, rows.jobs, begins, nothing, under_way)
        waits, held = self._place(m, load.o, beats.i, kept.i, turned.o)
        m.d.comb += ends.eq(self._channels(m, kept.o))
        m.d.comb += [
            self.completed.eq(ends | nothing),
            self.busy.eq(under_way != 0),
            self.input_stalled.eq(waits & load.o.p.buffered),
            self.memory_stalled.eq(waits & ~load.o.p.buffered),
            self.output_stalled.eq(held),
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
        self,
        m: Module,
        checked: Checked,
        load: Any,
        job: Any,
        begins: Signal,
        nothing: Signal,
        under_way: Signal,
    ) -> None:
        """Take instructions and ask memory for each k's tiles, then for the channel numbers.

        Rows of the buffer are a job of ``WeightRows`` instead.
        """
        given = checked.o.p
        tiling = given.slots[1]
        k_tiles, tiles, groups, first = tiling[:16], tiling[16:24], tiling[24:28], tiling[28:]
        buffered, transposed, second = given.opcode[0], given.flags[0], given.flags[1]
        codes, stride, rows = given.slots[0], given.slots[2], given.counts[1]
        row_words = Mux(transposed, k_tiles, (tiles + second + 1) >> 1)
        request, walk = self.memory.requests, checked.walks[0]
        address = Signal(ADDRESS_BITS, reset_less=True)
        left, asked = Signal(17), Signal(self.cores.bit_length(), reset_less=True)
        asking, channels = Signal(), Signal()
        empty, reads, many, goes = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            walk.base.eq(codes),
            walk.stride.eq(stride),
            walk.rows.eq(rows),
            walk.words.eq(row_words),
            checked.needs.eq(reads),
            load.p.last_k.eq(k_tiles - 1),
            load.p.last_tile.eq(tiles - 1),
            load.p.groups.eq(groups),
            load.p.set.eq(first),
            load.p.buffered.eq(buffered),
            load.p.multiplier.eq(given.slots[3]),
            job.p.codes.eq(codes),
            job.p.stride.eq(stride),
            job.p.rows.eq(rows),
            job.p.k_tiles.eq(k_tiles),
            job.p.tiles.eq(tiles),
            job.p.transposed.eq(transposed),
            job.p.second.eq(second),
            request.valid.eq(asking),
            request.p.address.eq(address),
            request.p.words.eq(
                Mux(channels, asked * self._channel_words, asked * self._tile_words)
            ),
        ]
        with m.If(request.valid & request.ready):
            m.d.sync += [
                address.eq(address + request.p.words * self.word_bytes),
                left.eq(left - 1),
                channels.eq(left == 2),
                asking.eq(~channels),
            ]
        m.d.sync += [
            empty.eq((given.counts[0] == 0) | (k_tiles == 0) | (tiles == 0)),
            reads.eq(buffered & (rows != 0)),
            many.eq((tiles << groups) > self.cores),
        ]
        room = load.ready & (under_way != 2 * AHEAD) & (job.ready | ~buffered)
        # What is empty completes in its turn: when nothing is before it.
        starts = Mux(empty, under_way == 0, many | checked.outside | room)
        m.d.sync += goes.eq(checked.o.valid & ~goes & ~asking & starts & (self.fault == 0))
        with m.If(goes):
            with m.If(empty):
                m.d.comb += [checked.o.ready.eq(1), nothing.eq(1)]
            with m.Elif(many):
                m.d.sync += self.fault.eq(Fault.FIELD)
            with m.Elif(checked.outside):
                m.d.sync += self.fault.eq(Fault.BUFFER)
            with m.Else():
                m.d.comb += [
                    checked.o.ready.eq(1),
                    begins.eq(1),
                    load.valid.eq(1),
                    job.valid.eq(buffered),
                ]
                m.d.sync += [
                    address.eq(given.slots[0]),
                    left.eq(k_tiles + 1),
                    channels.eq(0),
                    asking.eq(~buffered),
                    asked.eq(tiles),
                ]

    def _place(
        self, m: Module, load: Any, weights: Any, kept: Any, rows: Any
    ) -> tuple[Value, Value]:
        """Give each word of weights to its cores, and keep the words of channel numbers.

        Return whether a word is waited for, and whether there is one that nobody takes.
        """
        words, beat = self.memory.words, weights.p.beat
        p = load.p
        valid, ready, content = Signal(), Signal(), Signal(8 * self.word_bytes)
        k, tile = Signal(16), Signal(self.cores.bit_length())
        word = Signal(range(self._tile_words))
        channels, last_k, last_tile, last_word = Signal(), Signal(), Signal(), Signal()
        cores = Signal(self.cores)
        moves = Signal()
        place = Mux(channels, p.last_k, k)
        group = ((1 << (1 << p.groups)) - 1)[: self.cores]
        column = Cat(p.multiplier, Const(0, 8 * CHANNEL_BYTES - len(p.multiplier)))
        numbers = column.replicate(self.word_bytes // CHANNEL_BYTES)
        m.d.comb += [
            valid.eq(Mux(p.buffered, rows.valid | channels, words.valid)),
            content.eq(Mux(p.buffered, Mux(channels, numbers, rows.payload), words.payload)),
            words.ready.eq(ready & ~p.buffered),
            rows.ready.eq(ready & p.buffered & ~channels),
            cores.eq(group << (tile << p.groups)),
            last_k.eq(k == p.last_k),
            last_tile.eq(tile == p.last_tile),
            last_word.eq(word == Mux(channels, self._channel_words, self._tile_words) - 1),
            weights.valid.eq(load.valid & valid & ~channels),
            weights.p.cores.eq(cores),
            Value.cast(beat.data).eq(content),
            beat.lane.eq(word << 1),
            beat.set.eq(p.set + place),
            beat.last.eq(last_word),
            kept.valid.eq(load.valid & valid & channels),
            kept.p.word.eq(content),
            kept.p.cores.eq(cores),
            kept.p.part.eq(word),
            kept.p.set.eq(p.set + place),
            kept.p.done.eq(last_word & last_tile),
            ready.eq(load.valid & Mux(channels, kept.ready, weights.ready)),
            moves.eq(valid & ready),
            load.ready.eq(moves & channels & kept.p.done),
        ]
        with m.If(moves):
            m.d.sync += word.eq(Mux(last_word, 0, word + 1))
            with m.If(last_word):
                m.d.sync += tile.eq(Mux(last_tile, 0, tile + 1))
                with m.If(last_tile):
                    m.d.sync += k.eq(Mux(last_k | channels, 0, k + 1))
                    m.d.sync += channels.eq(~channels & last_k)
        return load.valid & ~valid, load.valid & valid & ~ready

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
