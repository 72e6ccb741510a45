"""The load unit: rows from memory to the buffer, by strides or by a list of ids."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from hw.accelerator.axi import ADDRESS_BITS
from hw.accelerator.checked import Checked
from hw.accelerator.faults import Fault
from hw.accelerator.layout import (
    COUNT_BITS,
    read_signature,
    unit_members,
    write_job_layout,
    write_signature,
)
from hw.accelerator.memory_layout import memory_read_signature
from hw.accelerator.reader import Reader
from hw.accelerator.writer import Writer
from hw.pipeline import delayed
from hw.stream import Queue

ID_BITS = 32
AHEAD = 4
"""Instructions whose words may be on their way: a short one takes less than memory's latency."""


class LoadUnit(wiring.Component):
    """``buffer[to + n * to_stride + i] = memory[address + n * stride + i * W]`` for count 0 rows.

    With gather the row in memory is ``id[n]`` instead of n. Later instructions ask for their words
    while those of earlier ones are on their way, but ids are read when all earlier rows are there.
    Throughput is one word per cycle; a gathered row takes five cycles at least.

    Members
    -------
    instructions, completed, fault, busy, input_stalled, output_stalled : as every unit has
    memory_stalled : waits for a word of memory
    memory : a client of the memory port
    ids : port of the buffer that ids are read from
    port : port of the buffer that rows are written to
    """

    def __init__(self, buffer_words: int, word_bytes: int) -> None:
        self.buffer_words, self.word_bytes = buffer_words, word_bytes
        self.address_bits = (buffer_words - 1).bit_length()
        super().__init__({
            **unit_members(),
            "memory_stalled": Out(1),
            "memory": Out(memory_read_signature(word_bytes)),
            "ids": Out(read_signature(self.address_bits, word_bytes)),
            "port": Out(write_signature(self.address_bits, word_bytes)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.checked = checked = Checked(self.buffer_words, walks=2)
        m.submodules.reader = reader = Reader(self.address_bits, self.word_bytes)
        m.submodules.writer = writer = Writer(self.address_bits, self.word_bytes)
        m.submodules.jobs = jobs = Queue(write_job_layout(self.address_bits), AHEAD)
        wiring.connect(m, wiring.flipped(self.instructions), checked.i)
        wiring.connect(m, reader.port, wiring.flipped(self.ids))
        wiring.connect(m, writer.port, wiring.flipped(self.port))
        wiring.connect(m, jobs.o, writer.jobs)
        wiring.connect(m, wiring.flipped(self.memory.words), writer.i)

        under_way, begins, nothing = Signal(range(AHEAD + 3)), Signal(), Signal()
        m.d.sync += under_way.eq(under_way + begins - writer.finished)
        needs_id = self._ask(m, checked, jobs.i, reader, begins, nothing, under_way)
        waits = (under_way != 0) & ~self.memory.words.valid
        m.d.comb += [
            self.completed.eq(writer.finished | nothing),
            self.busy.eq(under_way != 0),
            self.input_stalled.eq(needs_id & ~reader.o.valid),
            self.output_stalled.eq(self.port.requests.valid & ~self.port.requests.ready),
            self.memory_stalled.eq(waits & ~self.input_stalled),
        ]
        return m

    def _ask(
        self,
        m: Module,
        checked: Checked,
        job: Any,
        reader: Reader,
        begins: Signal,
        nothing: Signal,
        under_way: Signal,
    ) -> Signal:
        """Take instructions and ask memory for each row; return whether an id is needed."""
        given = checked.o.p
        rows, gathers = given.counts[0], given.flags[0]
        address, stride, words, to, to_stride, ids, table = list(given.slots)[:7]
        per_word = 8 * self.word_bytes // ID_BITS
        id_words = ((rows + (per_word - 1)) >> (per_word - 1).bit_length())[:COUNT_BITS]
        empty, single = Signal(), Signal()
        m.d.sync += [empty.eq((rows == 0) | (words == 0)), single.eq(rows == 1)]
        for walk, *fields in (
            (checked.walks[0], to, to_stride, rows, words),
            (checked.walks[1], ids, Const(0), Const(1), id_words),
        ):
            m.d.comb += [
                part.eq(field)
                for part, field in zip(
                    (walk.base, walk.stride, walk.rows, walk.words), fields, strict=True
                )
            ]
        m.d.comb += [
            checked.needs.eq(Cat(~empty, ~empty & gathers)),
            job.p.base.eq(to),
            job.p.stride.eq(to_stride),
            job.p.rows.eq(rows),
            job.p.words.eq(words),
            reader.jobs.p.base.eq(ids),
            reader.jobs.p.rows.eq(1),
            reader.jobs.p.words.eq(id_words),
        ]

        request = self.memory.requests
        row_address, start = Signal(ADDRESS_BITS, reset_less=True), Signal(ADDRESS_BITS)
        step, length = Signal(ADDRESS_BITS), Signal(COUNT_BITS)
        left, place = Signal(COUNT_BITS), Signal(range(max(2, per_word)))
        identifier, limit = Signal(ID_BITS), Signal(ID_BITS)
        # A row by strides is asked for at once; a gathered one first needs its id, then its place.
        by_stride, needs_id, gathered = Signal(), Signal(), Signal()
        last, taken, got, asking = Signal(), Signal(), Signal(), Signal()
        word = data.View(data.ArrayLayout(unsigned(ID_BITS), per_word), reader.o.p.data)
        word_ends = last | (place == per_word - 1)
        m.d.comb += [
            request.valid.eq(by_stride | gathered),
            request.p.address.eq(row_address),
            request.p.words.eq(length),
            taken.eq(request.valid & request.ready),
            got.eq(needs_id & reader.o.valid),
            reader.o.ready.eq(got & word_ends),
        ]
        with m.If(got):
            m.d.sync += [
                identifier.eq(word[place]),
                place.eq(Mux(word_ends, 0, place + 1)),
                needs_id.eq(0),
            ]
        product, inside, found = self._multiply(m, identifier, step, limit, got)
        with m.If(found):
            m.d.sync += row_address.eq(start + product)
            with m.If(inside):
                m.d.sync += gathered.eq(1)
            with m.Else():
                m.d.sync += self.fault.eq(Fault.IDENTIFIER)
        with m.If(taken):
            m.d.sync += [
                left.eq(left - 1),
                last.eq(left == 2),
                asking.eq(~last),
                row_address.eq(row_address + step),
                gathered.eq(0),
                needs_id.eq(gathered & ~last),
                by_stride.eq(by_stride & ~last),
            ]

        # Ids may be what an earlier instruction loads.
        waits, goes = (empty | gathers) & (under_way != 0), Signal()
        room = empty | checked.outside | (job.ready & (reader.jobs.ready | ~gathers))
        m.d.sync += goes.eq(checked.o.valid & ~goes & ~asking & ~waits & room & (self.fault == 0))
        with m.If(goes):
            with m.If(empty):
                m.d.comb += [checked.o.ready.eq(1), nothing.eq(1)]
            with m.Elif(checked.outside):
                m.d.sync += self.fault.eq(Fault.BUFFER)
            with m.Else():
                m.d.comb += [
                    checked.o.ready.eq(1),
                    begins.eq(1),
                    job.valid.eq(1),
                    reader.jobs.valid.eq(gathers),
                ]
                m.d.sync += [
                    start.eq(address),
                    row_address.eq(address),
                    step.eq(stride),
                    length.eq(words),
                    left.eq(rows),
                    last.eq(single),
                    asking.eq(1),
                    limit.eq(table),
                    place.eq(0),
                    by_stride.eq(~gathers),
                    needs_id.eq(gathers),
                ]
        return needs_id

    @staticmethod
    def _multiply(
        m: Module, identifier: Signal, step: Signal, limit: Signal, got: Signal
    ) -> tuple[Value, Value, Value]:
        """Where the row of an id is, whether its table has it, and when both are known.

        A cycle for the products of halves, one for the sum of the upper ones.
        """
        half = ADDRESS_BITS // 2
        lower, upper = Signal(ADDRESS_BITS, reset_less=True), Signal(half, reset_less=True)
        parts = [Signal(half, reset_less=True, name=f"part_{index}") for index in range(2)]
        inside = [Signal(reset_less=True, name=f"inside_{stage}") for stage in range(2)]
        m.d.sync += [
            lower.eq(identifier[:half] * step[:half]),
            parts[0].eq(identifier[:half] * step[half:]),
            parts[1].eq(identifier[half:] * step[:half]),
            upper.eq(parts[0] + parts[1]),
            inside[0].eq(identifier < limit),
            inside[1].eq(inside[0]),
        ]
        # The identifier stands: its lower product is still there with the upper sum.
        return Cat(lower[:half], lower[half:] + upper), inside[1], delayed(m, "got", got, 3)
