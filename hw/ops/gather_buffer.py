"""Keeps rows between two passes while it joins several of their beats to one."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.ops.row import row_layout


class GatherBuffer(wiring.Component):
    """First in, first out: ``groups`` beats of ``i`` make an entry, an entry makes a beat of ``o``.

    Latency is two cycles from the last beat of an entry, throughput one beat of ``i`` and one of
    ``o`` per cycle; ``depth`` entries fit. A row begins a new entry; what its last entry lacks is
    all ones.

    Members
    -------
    i : :py:`In(stream.Signature(row_layout(shape, lanes)))`
    o : :py:`Out(stream.Signature(row_layout(shape, lanes * groups)))`
    """

    def __init__(self, shape: Shape, lanes: int, groups: int, depth: int) -> None:
        self.shape, self.lanes, self.groups, self.depth = shape, lanes, groups, depth
        super().__init__({
            "i": In(stream.Signature(row_layout(shape, lanes))),
            "o": Out(stream.Signature(row_layout(shape, lanes * groups))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bits = self.shape.width * self.lanes
        beat = data.StructLayout({"data": unsigned(bits), "last": unsigned(1)})
        m.submodules.storage = storage = Memory(
            shape=data.ArrayLayout(unsigned(beat.size), self.groups), depth=self.depth, init=[]
        )
        write, read = storage.write_port(granularity=1), storage.read_port()
        newest, oldest = Signal(range(self.depth)), Signal(range(self.depth))
        level = Signal(range(self.depth + 1))
        group = Signal(range(self.groups))
        put, full, take = Signal(), Signal(), Signal()

        def after(place: Signal) -> Any:
            return Mux(place == self.depth - 1, 0, place + 1)

        m.d.comb += [
            self.i.ready.eq(level != self.depth),
            put.eq(self.i.valid & self.i.ready),
            full.eq(put & (self.i.p.last | (group == self.groups - 1))),
            take.eq(self.o.valid & self.o.ready),
            write.addr.eq(newest),
            read.en.eq(take | ~self.o.valid),
            read.addr.eq(Mux(take, after(oldest), oldest)),
        ]
        for place in range(self.groups):
            # The first group of an entry writes all ones to the others, which end the row as well.
            lacks = Const(0) if place == 0 else group == 0
            m.d.comb += [
                write.en[place].eq(put & ((group == place) | (group == 0))),
                write.data[place].eq(
                    Cat(Cat(self.i.p.data), self.i.p.last) | lacks.replicate(beat.size)
                ),
                Cat(self.o.p.data)[place * bits : (place + 1) * bits].eq(read.data[place][:bits]),
            ]
        m.d.comb += self.o.p.last.eq(read.data[self.groups - 1][bits])
        # What is being written now is not read yet.
        m.d.sync += [level.eq(level + full - take), self.o.valid.eq(level > take)]
        with m.If(put):
            m.d.sync += group.eq(Mux(full, 0, group + 1))
        with m.If(full):
            m.d.sync += newest.eq(after(newest))
        with m.If(take):
            m.d.sync += oldest.eq(after(oldest))
        return m
