"""A component of streams behind the bus: beats go in and come out as words."""

from typing import Any

from amaranth.hdl import Array, Module, Mux, ResetInserter, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from fpga.link.bus import WORD_BITS, BusSignature
from golden.spec import ceil_log2

REGION_BITS = 10
"""Each stream has 1,024 words of addresses; those before the first stream's are the control."""

COUNT_BITS = 16
PATIENCE = 1 << 12


def word_count(width: int) -> int:
    """Words of a beat of ``width`` bits."""
    return -(-width // WORD_BITS)


class Streams(wiring.Component):
    """Hosts ``component``, whose members are streams; each has a region, in the members' order.

    Control, region 0: reading word k tells how many beats stream k has moved, of an output also
    those that wait to be read, modulo ``1 << COUNT_BITS``; writing any word resets the component
    and everything here. Stream k is region k + 1.

    A write anywhere in an input's region adds a word to a beat, which is offered with its last one.
    The first word of the next beat waits for it to be taken; after ``PATIENCE`` cycles it is
    refused. An output's beats are put, word after word, into a memory of ``depth`` words, which is
    the region and begins anew at its end. A write there tells how many words were read since the
    reset, modulo ``1 << COUNT_BITS``; what was not read is never overwritten.

    Members
    -------
    bus : of the link
    """

    def __init__(self, component: wiring.Component, depth: int = 512) -> None:
        if depth not in (128, 256, 512, 1024):
            raise ValueError(f"depth must be 128, 256, 512 or 1024 words, not {depth!r}")
        self.component, self.depth = component, depth
        super().__init__({"bus": In(BusSignature())})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        reset = Signal()
        m.submodules.component = ResetInserter(reset)(self.component)
        members = self.component.signature.members
        request, response = self.bus.request, self.bus.response
        region = request.p.address[REGION_BITS:]
        timer = Signal(range(PATIENCE))
        done, waits, refused, fetched = Signal(), Signal(), Signal(), Signal()
        asked = Signal()
        m.d.comb += asked.eq(request.valid & ~response.valid)
        # Told apart in the cycle before: an address leads to every stream of the component.
        beyond = len(members) + 1
        chosen = Signal(range(beyond + 1))
        m.d.sync += chosen.eq(Mux(region < beyond, region, beyond))

        moved, answers = [], []
        for number, (name, member) in enumerate(members.items(), 1):
            inner = getattr(self.component, name)
            here = asked & fetched & (chosen == number)
            if member.flow is In:
                part: Input | Output = Input(len(Value.cast(inner.payload)))
                m.d.comb += [
                    inner.payload.eq(part.payload),
                    inner.valid.eq(part.valid),
                    part.ready.eq(inner.ready),
                ]
                answers.append(part.taken)
                with m.If(here & request.p.write & part.wait):
                    m.d.comb += waits.eq(1)
            else:
                part = Output(len(Value.cast(inner.payload)), self.depth)
                m.d.comb += [
                    part.payload.eq(inner.payload),
                    part.valid.eq(inner.valid),
                    inner.ready.eq(part.ready),
                    part.place.eq(request.p.address),
                ]
                answers.append(part.word)
            m.submodules[f"stream_{name}"] = ResetInserter(reset)(part)
            m.d.comb += [
                part.write.eq(here & request.p.write & done & ~refused),
                part.data.eq(request.p.data),
            ]
            moved.append(part.moved)

        offset = request.p.address[: max(1, ceil_log2(len(moved)))]
        m.d.comb += [
            refused.eq((chosen == beyond) | (waits & (timer == 0))),
            # A word of a memory comes a cycle after its address.
            done.eq(asked & fetched & (refused | ~waits)),
            request.ready.eq(done),
            reset.eq(done & request.p.write & (chosen == 0)),
        ]
        m.d.sync += [
            fetched.eq(asked & ~done),
            timer.eq(Mux(asked & waits, timer - 1, PATIENCE - 1)),
        ]
        with m.If(response.ready):
            m.d.sync += response.valid.eq(0)
        with m.If(done):
            m.d.sync += [
                response.valid.eq(1),
                response.p.error.eq(refused),
                response.p.data.eq(Array([Array(moved)[offset], *answers])[chosen]),
            ]
        return m


class Input(wiring.Component):
    """Words to beats of ``width`` bits.

    Members
    -------
    write, data : add a word; not while ``wait``
    wait : a whole beat has not been taken
    taken : words of the next beat that are here
    moved : beats that were taken
    payload, valid, ready : the stream
    """

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__({
            "write": In(1),
            "data": In(WORD_BITS),
            "wait": Out(1),
            "taken": Out(WORD_BITS),
            "moved": Out(COUNT_BITS),
            "payload": Out(width),
            "valid": Out(1),
            "ready": In(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        count = word_count(self.width)
        index = Signal(range(count))
        m.d.comb += [self.wait.eq(self.valid), self.taken.eq(index)]
        with m.If(self.valid & self.ready):
            m.d.sync += [self.valid.eq(0), self.moved.eq(self.moved + 1)]
        with m.If(self.write):
            m.d.sync += [
                index.eq(Mux(index == count - 1, 0, index + 1)),
                self.valid.eq(index == count - 1),
            ]
        for number in range(count):
            with m.If(self.write & (index == number)):
                place = slice(number * WORD_BITS, (number + 1) * WORD_BITS)
                m.d.sync += self.payload[place].eq(self.data)
        return m


class Output(wiring.Component):
    """Beats of ``width`` bits to words in a memory.

    Members
    -------
    place : which word to read
    word : that word, one cycle later
    write, data : how many words were read since the reset
    moved : beats that were put into the memory
    payload, valid, ready : the stream
    """

    def __init__(self, width: int, depth: int) -> None:
        self.width, self.depth = width, depth
        super().__init__({
            "place": In(range(depth)),
            "word": Out(WORD_BITS),
            "write": In(1),
            "data": In(WORD_BITS),
            "moved": Out(COUNT_BITS),
            "payload": In(width),
            "valid": In(1),
            "ready": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(shape=unsigned(WORD_BITS), depth=self.depth, init=[])
        store, fetch = memory.write_port(), memory.read_port()
        count = word_count(self.width)
        index, last = Signal(range(count)), Signal(init=count == 1)
        stored, read = Signal(COUNT_BITS), Signal(COUNT_BITS)
        # Whether two more words find room, one cycle late: the design's own paths begin here.
        used, room = Signal(COUNT_BITS), Signal()
        words = Array(
            self.payload[start : start + WORD_BITS] for start in range(0, self.width, WORD_BITS)
        )
        m.d.comb += [
            used.eq(stored - read),
            store.en.eq(self.valid & room),
            store.addr.eq(stored),
            store.data.eq(words[index]),
            self.ready.eq(room & last),
            fetch.addr.eq(self.place),
            self.word.eq(fetch.data),
        ]
        m.d.sync += room.eq(used < self.depth - 1)
        with m.If(store.en):
            m.d.sync += [
                stored.eq(stored + 1),
                index.eq(Mux(last, 0, index + 1)),
                last.eq((index == count - 2) | (count == 1)),
                self.moved.eq(self.moved + last),
            ]
        with m.If(self.write):
            m.d.sync += read.eq(self.data)
        return m
