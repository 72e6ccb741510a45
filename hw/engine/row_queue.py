"""A queue whose writer knows that there is room."""

from typing import Any

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out


class RowQueue(wiring.Component):
    """First in, first out, in a memory that is read a cycle ahead; it holds ``2**place_bits``.

    Latency is two cycles, throughput one transfer per cycle. As ``hw.ops.row_buffer.RowBuffer``,
    collisions of reading and writing included, but nobody asks whether it is full.

    Members
    -------
    write, i : what is put in
    o : stream of ``shape``
    """

    def __init__(self, shape: ShapeLike, place_bits: int) -> None:
        self.shape, self.place_bits = shape, place_bits
        super().__init__({
            "write": In(1),
            "i": In(shape),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bits = self.place_bits
        m.submodules.storage = storage = Memory(shape=self.shape, depth=1 << bits, init=[])
        write, read = storage.write_port(), storage.read_port()
        # One bit more than a place has tells a full queue from an empty one.
        newest, oldest, after = (
            Signal(bits + 1, name=name) for name in ("newest", "oldest", "after")
        )
        following, moves = Signal(bits + 1, init=1), Signal()
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(newest[:bits]),
            write.data.eq(self.i),
            moves.eq(self.o.valid & self.o.ready),
            after.eq(Mux(moves, following, oldest)),
            read.en.eq(~self.o.valid | self.o.ready),
            read.addr.eq(after[:bits]),
            self.o.payload.eq(read.data),
        ]
        # What is being written now is not read yet.
        m.d.sync += [
            newest.eq(newest + self.write),
            oldest.eq(after),
            following.eq(following + moves),
            self.o.valid.eq(Mux(moves, newest != following, newest != oldest)),
        ]
        return m
