"""The cores behind one instruction queue: rows of codes in, requantised rows out."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import CoreSpec
from hw.accelerator.core_collector import CoreCollector
from hw.accelerator.core_feed import CoreFeed, scale_layout, vector_layout
from hw.accelerator.core_passes import pass_layout, pass_of
from hw.accelerator.layout import (
    instruction_layout,
    read_signature,
    unit_members,
    write_signature,
)
from hw.accelerator.relay import Relay
from hw.core.core import Core
from hw.core.layout import channels_layout, weights_layout
from hw.core.plan import CorePlan
from hw.stream import Buffer, Fork, Queue


def chosen_layout(cores: int, beat: data.Layout) -> data.StructLayout:
    """A beat of weights or channels for the ``cores`` of its tile."""
    return data.StructLayout({"cores": unsigned(cores), "beat": beat})


class CoreUnit(wiring.Component):
    """``o[n, t] = requantize(sum over k of x[n, k] w[k, t], channels[t], scale[n])``.

    A word is a core's vector and a row of a core's columns is a word. Vectors go to all cores of
    their row group at once, one word of the buffer per cycle; the next instruction's vectors follow
    while the rows of this one leave, ``ports`` words per cycle: all of them come with a pass's last
    tile of K.

    Parameters
    ----------
    spec, plan : of each core, one token per reading of its weights
    cores : how many
    ports : for results; core c writes through port ``c mod ports``

    Members
    -------
    codes, scales, results : ports to the buffer
    weights, channels : beats for some of the cores, as ``hw.accelerator.weight_unit`` makes them
    """

    def __init__(
        self, spec: CoreSpec, plan: CorePlan, cores: int, address_bits: int, ports: int = 1
    ) -> None:
        word_bytes = spec.lanes
        if 2 * spec.columns != word_bytes:
            raise ValueError(
                f"a core's row of results must be a word: {spec.lanes} inputs need "
                f"{spec.lanes // 2} columns, not {spec.columns}"
            )
        self.spec, self.plan, self.cores, self.ports = spec, plan, cores, ports
        self.address_bits, self.word_bytes = address_bits, word_bytes
        weights = chosen_layout(cores, weights_layout(spec, plan))
        super().__init__({
            **unit_members(),
            "codes": Out(read_signature(address_bits, word_bytes)),
            "scales": Out(read_signature(address_bits, word_bytes)),
            "results": Out(write_signature(address_bits, word_bytes)).array(ports),
            "weights": In(stream.Signature(weights)),
            "channels": In(stream.Signature(chosen_layout(cores, channels_layout(spec)))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan, cores = self.spec, self.plan, self.cores
        layout = pass_layout(self.address_bits)
        sizes = (cores, self.address_bits, self.word_bytes)
        vector = vector_layout(cores, self.word_bytes, spec.row_bits, spec.macro.set_bits)
        m.submodules.first = first = Buffer(layout)
        m.submodules.passes = passes = Fork(layout, 2 + self.ports)
        wiring.connect(m, first.o, passes.i)
        m.submodules.feed = feed = CoreFeed(*sizes, vector)
        m.submodules.scale_feed = scale_feed = CoreFeed(*sizes, scale_layout(cores))
        rows: list[Any] = [None] * cores
        collectors = []
        for port, result in enumerate(self.results):
            m.submodules[f"collected_{port}"] = collected = Queue(layout, 3)
            m.submodules[f"collects_{port}"] = collects = Buffer(layout)
            places = range(port, cores, self.ports)
            collector = CoreCollector(*sizes, plan.lanes(spec), places)
            m.submodules[f"collector_{port}"] = collector
            wiring.connect(m, passes.o[2 + port], collected.i)
            wiring.connect(m, collected.o, collects.i)
            wiring.connect(m, collects.o, collector.i)
            wiring.connect(m, collector.port, wiring.flipped(result))
            for place, row in zip(places, collector.rows, strict=True):
                rows[place] = row
            collectors.append(collector)
        instruction: Any = data.View(instruction_layout(), self.instructions.payload)
        m.d.comb += [
            first.i.valid.eq(self.instructions.valid),
            self.instructions.ready.eq(first.i.ready),
            *(first.i.p[name].eq(value) for name, value in pass_of(instruction, layout).items()),
        ]
        wiring.connect(m, passes.o[0], feed.i)
        wiring.connect(m, passes.o[1], scale_feed.i)
        wiring.connect(m, feed.port, wiring.flipped(self.codes))
        wiring.connect(m, scale_feed.port, wiring.flipped(self.scales))

        placed = [Core(spec, plan) for _ in range(cores)]
        scales = [Relay(core.scales.payload.shape()) for core in placed]
        for index, (core, scale) in enumerate(zip(placed, scales, strict=True)):
            m.submodules[f"core_{index}"] = core
            m.submodules[f"scale_{index}"] = scale
            wiring.connect(m, scale.o, core.scales)
            row = Relay(rows[index].payload.shape())
            m.submodules[f"row_{index}"] = row
            wiring.connect(m, row.o, rows[index])
            m.d.comb += [
                row.i.valid.eq(core.o.valid),
                row.i.payload.eq(Value.cast(core.o.p.data)),
                core.o.ready.eq(row.i.ready),
            ]
            vectors, x = core.i.p, feed.o.p
            m.d.comb += [
                Value.cast(vectors.data).eq(x.data),
                *(vectors[name].eq(x[name]) for name in ("set", "row", "first", "last", "release")),
                core.weights.payload.eq(self.weights.p.beat),
                core.channels.payload.eq(self.channels.p.beat),
                scale.i.p.mantissa.eq(scale_feed.o.p.scale),
                scale.i.p.exponent.eq(scale_feed.o.p.scale[16:]),
            ]
            if spec.macro.input_sign == "either":
                m.d.comb += vectors.signed.eq(x.signed)
        give(m, "vectors", feed.o, [core.i for core in placed])
        give(m, "scales", scale_feed.o, [scale.i for scale in scales])
        give(m, "weights", self.weights, [core.weights for core in placed])
        give(m, "channels", self.channels, [core.channels for core in placed])
        m.d.comb += [
            self.completed.eq(all_completed(m, [one.completed for one in collectors])),
            self.busy.eq(Cat(one.busy for one in collectors).any()),
            self.input_stalled.eq(feed.waits),
            self.output_stalled.eq(Cat(one.waits for one in collectors).any()),
        ]
        return m


def all_completed(m: Module, pulses: list[Value]) -> Value:
    """A pulse when the last of all has given its next one; one may be 7 pulses ahead of another."""
    if len(pulses) == 1:
        return pulses[0]
    there = Signal(len(pulses))
    complete = there.all()
    for index, pulse in enumerate(pulses):
        count = Signal(3, name=f"completed_{index}")
        m.d.comb += there[index].eq((count != 0) | pulse)
        m.d.sync += count.eq(count + pulse - complete)
    return complete


def give(m: Module, name: str, source: Any, sinks: list[Any]) -> None:
    """Give each beat of ``source`` to those ``sinks`` that its ``cores`` name, each when ready."""
    count = len(sinks)
    served, done = Signal(count, name=f"{name}_served"), Signal(count, name=f"{name}_done")
    m.d.comb += [
        done.eq(~source.p.cores | served | Cat(sink.ready for sink in sinks)),
        source.ready.eq(done.all()),
        *(
            sink.valid.eq(source.valid & source.p.cores[index] & ~served[index])
            for index, sink in enumerate(sinks)
        ),
    ]
    with m.If(source.valid):
        taken = Cat(sink.valid & sink.ready for sink in sinks)
        m.d.sync += served.eq(Mux(source.ready, 0, served | taken))
