"""The attention engine behind one instruction queue: a head an instruction."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from golden.operator_spec import AttentionSpec
from hw.accelerator.head_layout import head_layout, head_of
from hw.accelerator.key_feed import KeyFeed
from hw.accelerator.layout import (
    COUNT_BITS,
    instruction_layout,
    read_signature,
    unit_members,
    write_signature,
)
from hw.accelerator.reader import Reader
from hw.accelerator.row_beats import RowBeats
from hw.accelerator.writer import Writer
from hw.engine.engine import Engine
from hw.engine.plan import EnginePlan
from hw.stream import Buffer, Fork, Queue


class EngineUnit(wiring.Component):
    """``softmax(Q K^T) V`` of a head of any number of queries and keys, in blocks of queries.

    Keys and values are read again for every ``plan.rows`` queries. Heads follow each other in the
    engine at once: operands of the next one are read while this one's contexts leave.

    Members
    -------
    queries, keys, contexts : ports to the buffer; masks and values come by that of the keys
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan, address_bits: int) -> None:
        word_bytes = 2 * plan.lanes
        if plan.lanes % plan.output_lanes:
            raise ValueError(
                f"output_lanes must divide the {plan.lanes} lanes, not be {plan.output_lanes}"
            )
        self.spec, self.plan = spec, plan
        self.address_bits, self.word_bytes = address_bits, word_bytes
        super().__init__({
            **unit_members(),
            "queries": Out(read_signature(address_bits, word_bytes)),
            "keys": Out(read_signature(address_bits, word_bytes)),
            "contexts": Out(write_signature(address_bits, word_bytes)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        layout = head_layout(self.address_bits)
        m.submodules.heads = heads = Fork(layout, 4)
        instruction: Any = data.View(instruction_layout(), self.instructions.payload)
        m.d.comb += [
            heads.i.valid.eq(self.instructions.valid),
            self.instructions.ready.eq(heads.i.ready),
            *(heads.i.p[name].eq(value) for name, value in head_of(instruction).items()),
        ]
        queues = []
        for name, o in zip(("job", "query", "key", "context"), heads.o, strict=True):
            # One is a register, and enough: every part but the last one has room of its own.
            m.submodules[f"{name}_heads"] = queue = Queue(layout, 1)
            wiring.connect(m, o, queue.i)
            queues.append(queue.o)
        m.submodules.context_head = head = Buffer(layout)
        wiring.connect(m, queues[3], head.i)
        m.submodules.engine = engine = Engine(spec, plan)
        m.submodules.key_feed = feed = KeyFeed(
            self.address_bits, self.word_bytes, spec.key_block, plan.rows
        )
        wiring.connect(m, queues[2], feed.i)
        wiring.connect(m, feed.port, wiring.flipped(self.keys))
        m.d.comb += [
            Value.cast(engine.keys_values.payload).eq(feed.o.payload),
            engine.keys_values.valid.eq(feed.o.valid),
            feed.o.ready.eq(engine.keys_values.ready),
            self.input_stalled.eq(feed.waits),
            self.output_stalled.eq(engine.o.valid & ~engine.o.ready),
        ]
        self._jobs(m, queues[0], engine)
        self._queries(m, queues[1], engine)
        self._contexts(m, head.o, engine)
        return m

    def _jobs(self, m: Module, heads: Any, engine: Engine) -> None:
        """A job of the engine for each ``plan.rows`` queries."""
        p, job = heads.p, engine.jobs
        rows, last = self.plan.rows, Signal()
        first, following = Signal(COUNT_BITS), Signal(COUNT_BITS + 1, init=rows)
        m.d.comb += [
            last.eq(p.query_count <= following),
            job.valid.eq(heads.valid & ~p.empty),
            job.p.queries.eq(Mux(last, p.query_count - first, rows)),
            job.p.keys.eq(p.key_count),
            job.p.causal.eq(p.causal),
            job.p.position.eq(p.key_count - p.query_count + first),
            *(
                job.p[name].eq(p[name])
                for name in (
                    *("beats", "probability_bits"),
                    *("score_multiplier", "context_multiplier", "context_offset"),
                )
            ),
            heads.ready.eq(p.empty | (job.ready & last)),
        ]
        with m.If(job.valid & job.ready):
            m.d.sync += [
                first.eq(Mux(last, 0, following)),
                following.eq(Mux(last, rows, following + rows)),
            ]

    def _queries(self, m: Module, heads: Any, engine: Engine) -> None:
        """Each query's header and codes."""
        m.submodules.query_reader = reader = Reader(self.address_bits, self.word_bytes)
        m.submodules.query_beats = beats = RowBeats(self.word_bytes)
        length = data.StructLayout({"last_beat": 8, "single": 1})
        m.submodules.query_sizes = sizes = Queue(length, 4)
        m.submodules.query_size = size = Buffer(length)
        wiring.connect(m, sizes.o, size.i)
        wiring.connect(m, reader.port, wiring.flipped(self.queries))
        wiring.connect(m, reader.o, beats.i)
        p, job = heads.p, reader.jobs
        m.d.comb += [
            job.valid.eq(heads.valid & ~p.empty & sizes.i.ready),
            job.p.base.eq(p.queries),
            job.p.stride.eq(p.queries_stride),
            job.p.rows.eq(p.query_count),
            job.p.words.eq(1 + ((p.beats + 1) >> 1)),
            sizes.i.valid.eq(heads.valid & ~p.empty & job.ready),
            sizes.i.p.last_beat.eq(p.beats - 1),
            sizes.i.p.single.eq(p.beats == 1),
            heads.ready.eq(p.empty | (job.ready & sizes.i.ready)),
            beats.last_beat.eq(size.o.p.last_beat),
            beats.single.eq(size.o.p.single),
            beats.headed.eq(1),
            size.o.ready.eq(beats.done),
            Value.cast(engine.queries.payload).eq(beats.o.payload),
            engine.queries.valid.eq(beats.o.valid),
            beats.o.ready.eq(engine.queries.ready),
        ]

    def _contexts(self, m: Module, heads: Any, engine: Engine) -> None:
        """Beats of the engine put together to words and written."""
        m.submodules.writer = writer = Writer(self.address_bits, self.word_bytes)
        wiring.connect(m, writer.port, wiring.flipped(self.contexts))
        p, job = heads.p, writer.jobs
        active, nothing = Signal(), Signal()
        count = self.plan.lanes // self.plan.output_lanes
        beat = Signal(range(count))
        codes = Value.cast(engine.o.p.data)
        before, word = Signal(8 * self.word_bytes, reset_less=True), Signal(8 * self.word_bytes)
        m.submodules.context_words = words = Queue(word.shape(), 2)
        wiring.connect(m, words.o, writer.i)
        m.d.comb += [
            nothing.eq(heads.valid & p.empty & ~active),
            job.valid.eq(heads.valid & ~p.empty & ~active),
            job.p.base.eq(p.contexts),
            job.p.stride.eq(p.contexts_stride),
            job.p.rows.eq(p.query_count),
            job.p.words.eq(p.beats),
            heads.ready.eq(nothing | writer.finished),
            self.completed.eq(nothing | writer.finished),
            self.busy.eq(heads.valid),
            word.eq(Cat(before, codes)[len(codes) :]),
            words.i.valid.eq(engine.o.valid & (beat == count - 1)),
            words.i.payload.eq(word),
            engine.o.ready.eq(words.i.ready),
        ]
        with m.If(writer.finished):
            m.d.sync += active.eq(0)
        with m.Elif(job.valid & job.ready):
            m.d.sync += active.eq(1)
        with m.If(engine.o.valid & engine.o.ready):
            m.d.sync += [before.eq(word), beat.eq(Mux(words.i.valid, 0, beat + 1))]
