"""The attention engine: scores, softmax and context of one head after the other."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from hw.engine.array import Array
from hw.engine.context import Context, finished_layout
from hw.engine.layout import command_layout, job_layout, operand_layout, result_layout
from hw.engine.loader import Loader
from hw.engine.plan import EnginePlan
from hw.engine.query_buffer import QueryBuffer
from hw.engine.rescale import head_scale
from hw.engine.row_softmax import RowSoftmax
from hw.engine.sequencer import Sequencer
from hw.pipeline import held
from hw.stream import Fork, Queue


class Engine(wiring.Component):
    """``o = softmax(requantise(Q K^T)) V`` of a head, as ``golden.ops.attention`` computes it.

    Letters: N queries of a job, T keys, B ``key_block``, d ``head_size``, L ``lanes``.

    A block of B keys and values lies in the array's cells, ``d / L`` weight sets each. Every query
    is multiplied by the keys (N d / L cycles), then every row of probabilities by the values (as
    many), while the next keys and then the next values are written: with N of at least B the array
    never waits. Scores exist only between the array and the softmax; no key is transposed. Jobs
    follow each other without a gap, and the results of one leave while the next is computed.

    Throughput is ``L B`` products per cycle; the first result leaves about 40 cycles after the
    job's last product. Operands are ``2 L`` bytes per cycle, results ``2 output_lanes``.
    Idea of one array for both products: FSA (arXiv 2507.11331); of keys as stationary weights that
    are written as they come: TranCIM (JSSC 58(6), 2023).

    Members
    -------
    jobs : what to do, up to ``plan.rows`` queries of one head each
    queries : per query a header beat, its row scale in the lowest bits, and ``d / L`` beats
    keys_values : per block a header beat, the mask in its lowest bits, then ``d / L`` beats for
        each of its keys, then as many for each of its values
    o : contexts, ``d / output_lanes`` beats a query
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan | None = None) -> None:
        plan = EnginePlan() if plan is None else plan
        plan.require(spec)
        self.spec, self.plan = spec, plan
        super().__init__({
            "jobs": In(stream.Signature(job_layout(spec, plan))),
            "queries": In(stream.Signature(operand_layout(plan))),
            "keys_values": In(stream.Signature(operand_layout(plan))),
            "o": Out(stream.Signature(result_layout(spec, plan))),
        })

    @property
    def bitcell_count(self) -> int:
        """Bits of keys and values that the array holds."""
        return self.spec.key_block * self.plan.column(self.spec).bitcell_count

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        job = self.jobs.payload.shape()
        m.submodules.jobs = jobs = Fork(job, 3)
        m.submodules.query_jobs = query_jobs = Queue(job, 2)
        m.submodules.key_jobs = key_jobs = Queue(job, 2)
        m.submodules.array_jobs = array_jobs = Queue(job, 2)
        m.submodules.query_buffer = buffer = QueryBuffer(spec, plan)
        m.submodules.loader = loader = Loader(spec, plan)
        m.submodules.sequencer = sequencer = Sequencer(spec, plan)
        m.submodules.array = array = Array(spec, plan)
        m.submodules.softmax = softmax = RowSoftmax(spec, plan)
        m.submodules.context = context = Context(spec, plan)
        m.submodules.finished = finished = Queue(finished_layout(spec, plan), 2)

        wiring.connect(m, wiring.flipped(self.jobs), jobs.i)
        for copy, queue in zip(jobs.o, (query_jobs, key_jobs, array_jobs), strict=True):
            wiring.connect(m, copy, queue.i)
        wiring.connect(m, query_jobs.o, buffer.job)
        wiring.connect(m, key_jobs.o, loader.job)
        wiring.connect(m, array_jobs.o, sequencer.job)
        wiring.connect(m, wiring.flipped(self.queries), buffer.i)
        wiring.connect(m, wiring.flipped(self.keys_values), loader.i)

        # Operands are read, contexts rescaled: the array works three cycles after the command.
        stages = Context.RESCALE_STAGES
        commands = self._delayed(m, sequencer, stages + 1)
        issued, (valid, command), (done, result) = commands[0], commands[stages], commands[-1]
        always = Const(1)
        query = held(m, always, "query", Value.cast(buffer.x), stages - 1)
        part = held(m, always, "part", issued[1].index)
        picked = Value.cast(softmax.probabilities).word_select(part, 8 * plan.lanes)
        picked = held(m, always, "picked", picked, stages - 1)
        m.d.comb += [
            buffer.read.eq(issued[1]),
            softmax.read_row.eq(issued[1].row),
            context.read.eq(issued[1]),
            context.factor.eq(softmax.factor),
            array.valid.eq(valid),
            array.command.eq(command),
            Value.cast(array.x).eq(Mux(command.context, picked, query)),
            array.addend.eq(context.addend),
            array.write.eq(loader.write),
            loader.keys_used.eq(valid & ~command.context & command.ends),
            loader.values_used.eq(valid & command.context & command.ends),
            sequencer.keys_ready.eq(loader.keys_ready),
            sequencer.values_ready.eq(loader.values_ready),
            *(sequencer.rows[bank].eq(buffer.rows[bank]) for bank in range(2)),
            sequencer.probabilities_ready.eq(softmax.ready),
            sequencer.context_free.eq(context.free),
            buffer.free.eq(Mux(sequencer.job.ready, Const(1, 2) << sequencer.command.bank[0], 0)),
            context.write.eq(done & result.context & result.last),
            context.write_command.eq(result),
            context.sums.eq(array.o),
        ]
        self._scores(m, sequencer, loader, buffer, softmax, array, commands)
        self._finish(m, sequencer, finished, context, stages + 1)
        wiring.connect(m, finished.o, context.finished)
        m.d.comb += [
            softmax.total_row.eq(context.total_row),
            softmax.total_read.eq(context.total_read),
            context.total.eq(softmax.total),
        ]
        wiring.connect(m, context.o, wiring.flipped(self.o))
        return m

    def _delayed(self, m: Module, sequencer: Sequencer, stages: int) -> list[tuple[Value, Any]]:
        """The sequencer's command, now and in each of the cycles after it."""
        commands: list[tuple[Value, Any]] = [(sequencer.valid, sequencer.command)]
        for stage in range(1, stages + 1):
            valid = Signal(name=f"command_valid_{stage}")
            command = Signal(
                command_layout(self.spec, self.plan), name=f"command_{stage}", reset_less=True
            )
            m.d.sync += [valid.eq(commands[-1][0]), command.eq(commands[-1][1])]
            commands.append((valid, command))
        return commands

    def _scores(
        self,
        m: Module,
        sequencer: Sequencer,
        loader: Loader,
        buffer: QueryBuffer,
        softmax: RowSoftmax,
        array: Array,
        commands: list[tuple[Value, Any]],
    ) -> None:
        """A row of scores leaves the array: its scale, and which keys its query sees."""
        spec, job = self.spec, sequencer.job.p
        always = Const(1)
        (_, command), (done, result) = commands[-2:]
        mask = held(m, sequencer.starts, "mask", loader.mask)
        limit = held(m, always, "limit", sequencer.ahead + command.row)
        scale = head_scale(
            *(m, "head_scale", always, spec.requantize, job.score_multiplier),
            *(buffer.scale.mantissa, buffer.scale.exponent),
        )
        scale = held(m, always, "scale", scale, len(commands) - 3)
        visible = Cat(~job.causal | (limit >= column) for column in range(spec.key_block))
        m.d.comb += [
            softmax.valid.eq(done & ~result.context & result.last),
            softmax.row.eq(result.row),
            softmax.bank.eq(result.bank),
            softmax.fresh.eq(result.fresh),
            softmax.seen.eq(mask & visible),
            Value.cast(softmax.scale).eq(scale),
            *(softmax.scores[column].eq(array.o[column]) for column in range(spec.key_block)),
        ]

    def _finish(
        self, m: Module, sequencer: Sequencer, finished: Queue, context: Context, stages: int
    ) -> None:
        """Hand a job over once its last context is written; there is room for both banks'."""
        job, layout = sequencer.job.p, finished.i.payload.shape()
        record = Signal(layout)
        m.d.comb += [
            record.queries.eq(job.queries),
            record.multiplier.eq(job.context_multiplier),
            record.offset.eq(job.context_offset),
            record.bank.eq(sequencer.command.bank),
            context.claim.eq(Mux(sequencer.job.ready, Const(1, 2) << sequencer.command.bank[0], 0)),
        ]
        valid: Value = sequencer.job.ready
        for stage in range(1, stages + 1):
            later = Signal(name=f"finished_{stage}")
            m.d.sync += later.eq(valid)
            valid = later
        kept = held(m, Const(1), "record", Value.cast(record), stages)
        m.d.comb += [finished.i.valid.eq(valid), Value.cast(finished.i.payload).eq(kept)]
