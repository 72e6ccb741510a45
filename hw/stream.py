"""Stream primitives: ``Buffer``, ``Queue``, ``Fork`` and ``Join``, for payloads of any shape."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Cat, Module, Mux, ShapeLike, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out


class Buffer(wiring.Component):
    """Registers a stream: ``o`` is ``i``, one cycle later.

    Latency is one cycle, throughput one transfer per cycle. ``i.ready`` follows ``o.ready`` within
    the cycle; a ``Queue`` of depth 2 cuts that path as well.

    Members
    -------
    i, o : streams of ``shape``
    """

    def __init__(self, shape: ShapeLike) -> None:
        self.shape = shape
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        payload = Signal(self.shape, reset_less=True)
        m.d.comb += [
            self.i.ready.eq(~self.o.valid | self.o.ready),
            self.o.payload.eq(payload),
        ]
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid)
            # A payload that nobody reads is left alone, which saves its toggling.
            with m.If(self.i.valid):
                m.d.sync += payload.eq(self.i.payload)
        return m


class Queue(wiring.Component):
    """First in, first out; holds up to ``depth`` transfers.

    Latency is one cycle. Throughput is one transfer per cycle, from depth 2 on; a depth of 1 gives
    one in two cycles. No path leads from ``o.ready`` to ``i.ready`` or from ``i`` to ``o``.

    Members
    -------
    i, o : streams of ``shape``
    """

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        if not isinstance(depth, int) or depth < 1:
            raise ValueError(f"depth must be a positive integer, not {depth!r}")
        self.shape = shape
        self.depth = depth
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.storage = storage = Memory(shape=self.shape, depth=self.depth, init=[])
        write = storage.write_port()
        read = storage.read_port(domain="comb")
        level = Signal(range(self.depth + 1))
        put, take = Signal(), Signal()

        m.d.comb += [
            self.i.ready.eq(level != self.depth),
            self.o.valid.eq(level != 0),
            put.eq(self.i.valid & self.i.ready),
            take.eq(self.o.valid & self.o.ready),
            write.en.eq(put),
            write.data.eq(self.i.payload),
            self.o.payload.eq(read.data),
        ]
        m.d.sync += level.eq(level + put - take)
        for port, moves in ((write, put), (read, take)):
            place = Signal(range(self.depth))
            m.d.comb += port.addr.eq(place)
            with m.If(moves):
                m.d.sync += place.eq(Mux(place == self.depth - 1, 0, place + 1))
        return m


class Fork(wiring.Component):
    """Gives every transfer of ``i`` to each of ``count`` outputs.

    Latency is zero, throughput one transfer per cycle. An output takes its copy as soon as it is
    ready; ``i`` is taken when the last one has.

    Members
    -------
    i : stream of ``shape``
    o : ``count`` streams of ``shape``
    """

    def __init__(self, shape: ShapeLike, count: int) -> None:
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"count must be a positive integer, not {count!r}")
        self.shape = shape
        self.count = count
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(shape)).array(count),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        served, done = Signal(self.count), Signal(self.count)
        m.d.comb += self.i.ready.eq(done.all())
        for k, o in enumerate(self.o):
            m.d.comb += [
                o.payload.eq(self.i.payload),
                o.valid.eq(self.i.valid & ~served[k]),
                done[k].eq(served[k] | o.ready),
            ]
        m.d.sync += served.eq(Mux(self.i.valid & ~self.i.ready, done, 0))
        return m


class Join(wiring.Component):
    """Makes one transfer of one of each input: ``o.payload[name] = i[name].payload``.

    Latency is zero, throughput one transfer per cycle.

    Members
    -------
    i : one stream per name of ``fields``
    o : stream of a structure of ``fields``
    """

    def __init__(self, fields: Mapping[str, ShapeLike]) -> None:
        if not fields:
            raise ValueError("fields must name at least one stream, not none")
        self.fields = dict(fields)
        inputs = {name: Out(stream.Signature(shape)) for name, shape in self.fields.items()}
        super().__init__({
            "i": In(wiring.Signature(inputs)),
            "o": Out(stream.Signature(data.StructLayout(self.fields))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        inputs = {name: getattr(self.i, name) for name in self.fields}
        m.d.comb += self.o.valid.eq(Cat(i.valid for i in inputs.values()).all())
        for name, i in inputs.items():
            m.d.comb += [
                self.o.payload[name].eq(i.payload),
                i.ready.eq(self.o.valid & self.o.ready),
            ]
        return m
