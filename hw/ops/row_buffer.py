"""Keeps rows between two passes, in a memory that is read a cycle ahead."""

from typing import Any

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out


class RowBuffer(wiring.Component):
    """First in, first out, as ``hw.stream.Queue``, but of a memory with a registered read.

    Latency is two cycles, throughput one transfer per cycle; ``depth`` transfers fit. What is read
    in the cycle that writes it is read again before it is given.

    Members
    -------
    i, o : streams of ``shape``
    """

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        self.shape, self.depth = shape, depth
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.storage = storage = Memory(shape=self.shape, depth=self.depth, init=[])
        write, read = storage.write_port(), storage.read_port()
        newest, oldest = Signal(range(self.depth)), Signal(range(self.depth))
        level = Signal(range(self.depth + 1))
        put, take = Signal(), Signal()

        def after(place: Signal) -> Any:
            return Mux(place == self.depth - 1, 0, place + 1)

        m.d.comb += [
            self.i.ready.eq(level != self.depth),
            put.eq(self.i.valid & self.i.ready),
            take.eq(self.o.valid & self.o.ready),
            write.en.eq(put),
            write.addr.eq(newest),
            write.data.eq(self.i.payload),
            read.en.eq(take | ~self.o.valid),
            read.addr.eq(Mux(take, after(oldest), oldest)),
            self.o.payload.eq(read.data),
        ]
        # What is being written now is not read yet.
        m.d.sync += [level.eq(level + put - take), self.o.valid.eq(level > take)]
        with m.If(put):
            m.d.sync += newest.eq(after(newest))
        with m.If(take):
            m.d.sync += oldest.eq(after(oldest))
        return m
