"""What happens to a row between its words from the buffer and those that go there."""

from typing import Any

from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import word_layout
from hw.accelerator.relay import Relay
from hw.accelerator.vector.code_words import CodeWords
from hw.accelerator.vector.combiner import Combiner, wide_row_layout
from hw.accelerator.vector.decode import settings_layout
from hw.accelerator.vector.fields import Scale
from hw.accelerator.vector.operands import OPERANDS
from hw.accelerator.vector.plan import VectorPlan
from hw.accelerator.vector.rescaler import Rescaler, constants_layout
from hw.accelerator.vector.results import Results
from hw.accelerator.vector.row_softmax import RowSoftmax
from hw.accelerator.vector.tables import Tables, loaded_layout
from hw.ops.row import row_layout
from hw.stream import Fork


class Chain(wiring.Component):
    """Combine or fold, scale or softmax, table, and both kinds of outputs.

    Throughput is one word per cycle of each stage; latency the sum of theirs, and a cycle for each
    of the ``RELAYS`` between them, so that no stage waits for more than the next one in a cycle.

    Members
    -------
    words : ``hw.accelerator.layout.word_layout``, by operand
    settings, constants : held while a row is inside
    begins : ``settings`` are a new instruction's from the next cycle on
    channels, segments : what is loaded while no row is inside
    results, codes, headers : words of the buffer
    before : headers go before the codes of their rows
    starved : the chain waits for words
    busy : something is inside that nobody asked for
    """

    RELAYS = 3

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        word = stream.Signature(unsigned(8 * plan.word_bytes))
        operand = stream.Signature(word_layout(plan.word_bytes))
        super().__init__({
            "words": In(wiring.Signature({name: Out(operand) for name in OPERANDS})),
            "settings": In(settings_layout(plan)),
            "constants": In(constants_layout()),
            "begins": In(1),
            "channels": In(word),
            "segments": In(stream.Signature(loaded_layout())),
            "before": In(1),
            "results": Out(word),
            "codes": Out(word),
            "headers": Out(word),
            "starved": Out(1),
            "busy": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan, flags = self.plan, self.settings.flags
        m.submodules.combiner = combiner = Combiner(plan)
        m.submodules.combined = combined = Relay(wide_row_layout(plan.lanes))
        m.submodules.rescaler = rescaler = Rescaler(plan)
        row = row_layout(signed(16), plan.lanes)
        m.submodules.scaled = scaled = Relay(row)
        m.submodules.tables = tables = Tables(plan)
        m.submodules.found = found = Relay(row)
        m.submodules.fork = fork = Fork(row, 2)
        m.submodules.results = results = Results(plan)
        m.submodules.code_words = code_words = CodeWords(plan)
        for part in (combiner, rescaler, tables, results, code_words):
            m.d.comb += part.settings.eq(self.settings)
        for name in OPERANDS:
            wiring.connect(m, wiring.flipped(getattr(self.words, name)), getattr(combiner, name))
        wiring.connect(m, combiner.o, combined.i)
        wiring.connect(m, wiring.flipped(self.channels), rescaler.words)
        wiring.connect(m, wiring.flipped(self.segments), tables.segments)
        wiring.connect(m, scaled.o, tables.i)
        wiring.connect(m, tables.o, found.i)
        wiring.connect(m, found.o, fork.i)
        wiring.connect(m, results.o, wiring.flipped(self.results))
        wiring.connect(m, code_words.o, wiring.flipped(self.codes))
        wiring.connect(m, code_words.headers, wiring.flipped(self.headers))
        m.d.comb += [
            rescaler.constants.eq(self.constants),
            rescaler.restart.eq(self.begins),
            code_words.before.eq(self.before),
            self.starved.eq(combiner.starved),
            self.busy.eq(results.busy),
            rescaler.i.payload.eq(combined.o.payload),
            rescaler.i.valid.eq(combined.o.valid),
            combined.o.ready.eq(rescaler.i.ready),
            scaled.i.payload.eq(rescaler.o.payload),
            scaled.i.valid.eq(rescaler.o.valid),
            rescaler.o.ready.eq(scaled.i.ready),
        ]
        if plan.softmax is not None:
            m.submodules.softmax = softmax = RowSoftmax(plan.softmax, plan)
            m.d.comb += [
                softmax.settings.eq(self.settings),
                softmax.restart.eq(self.begins),
                softmax.i.payload.eq(combined.o.payload),
            ]
            with m.If(flags.scale == Scale.SOFTMAX):
                m.d.comb += [
                    rescaler.i.valid.eq(0),
                    softmax.i.valid.eq(combined.o.valid),
                    combined.o.ready.eq(softmax.i.ready),
                    scaled.i.payload.eq(softmax.o.payload),
                    scaled.i.valid.eq(softmax.o.valid),
                    softmax.o.ready.eq(scaled.i.ready),
                ]
        results_asked, codes_asked = Signal(), Signal()
        # A word comes several cycles after its instruction.
        m.d.sync += [
            results_asked.eq(flags.rows | flags.argmax | flags.top_k),
            codes_asked.eq(flags.codes),
        ]
        m.d.comb += [
            results.i.payload.eq(fork.o[0].payload),
            results.i.valid.eq(fork.o[0].valid & results_asked),
            fork.o[0].ready.eq(results.i.ready | ~results_asked),
            code_words.i.payload.eq(fork.o[1].payload),
            code_words.i.valid.eq(fork.o[1].valid & codes_asked),
            fork.o[1].ready.eq(code_words.i.ready | ~codes_asked),
        ]
        return m
