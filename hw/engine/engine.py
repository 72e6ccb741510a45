"""The attention engine: scores, softmax and context of one head after the other."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from hw.engine.array import Array
from hw.engine.context import Context
from hw.engine.layout import (
    command_layout,
    job_layout,
    operand_layout,
    result_layout,
    rows_layout,
)
from hw.engine.loader import Loader
from hw.engine.plan import EnginePlan
from hw.engine.query_buffer import QueryBuffer
from hw.engine.rescale import ALWAYS
from hw.engine.result import Result
from hw.engine.row_softmax import RowSoftmax
from hw.engine.sequencer import Sequencer
from hw.ops.head_scale import head_scale
from hw.pipeline import delayed, held
from hw.stream import Fork, Queue


class Engine(wiring.Component):
    """``o = softmax(requantise(Q K^T)) V`` of a head, as ``golden.ops.attention`` computes it.

    Letters: N queries of a job, T keys, B ``key_block``, d elements of its head, L ``lanes``.

    A block of B keys and values lies in the array's cells, ``d / L`` weight sets each. Every query
    is multiplied by the keys (N d / L cycles), then every row of probabilities by the values (as
    many), while the next keys and then the next values are written: with N of at least B the array
    never waits. Scores exist only between the array and the softmax; no key is transposed. Jobs
    follow each other by two cycles, and the results of one leave from its last block on, while the
    next is computed. Whatever differs between networks stands in the jobs: their ``d`` is any
    multiple of L up to ``plan.head_size``, and where it is less than ``L B / softmax_lanes`` the
    array waits for the softmax.

    Throughput is ``L B`` products per cycle; a query's first result leaves about 20 cycles after
    its last product. Operands are ``2 L`` bytes per cycle, results ``2 output_lanes``.
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
        m.submodules.query_buffer = buffer = QueryBuffer(spec, plan)
        m.submodules.loader = loader = Loader(spec, plan)
        m.submodules.sequencer = sequencer = Sequencer(spec, plan)
        m.submodules.array = array = Array(spec, plan)
        m.submodules.softmax = softmax = RowSoftmax(spec, plan)
        m.submodules.context = context = Context(spec, plan)
        m.submodules.result = result = Result(spec, plan)
        self._jobs(m, buffer, loader, sequencer)
        wiring.connect(m, wiring.flipped(self.queries), buffer.i)
        wiring.connect(m, wiring.flipped(self.keys_values), loader.i)
        wiring.connect(m, result.o, wiring.flipped(self.o))

        # Operands are read and multiplied while contexts are shifted.
        stages = Context.STAGES - Array.ADDEND_STAGE
        commands = self._commands(m, sequencer, stages + Array.STAGES)
        (_, issued), (valid, command), (done, made) = commands[0], commands[stages], commands[-1]
        (reads, reading) = commands[1]
        used = reads & reading.ends
        query = Cat(_extended(x, len(array.x[0])) for x in buffer.x)
        query = held(m, ALWAYS, "query", query, stages - 1)
        part = held(m, ALWAYS, "part", issued.index)
        picked = Value.cast(softmax.probabilities)
        picked = picked.word_select(part, len(picked) // plan.key_beats(spec))
        picked = held(m, ALWAYS, "picked", picked, stages - 1)
        width = spec.probability_bits
        picked = Cat(
            _extended(picked.word_select(lane, width), len(array.x[0]))
            for lane in range(plan.lanes)
        )
        m.d.comb += [
            buffer.read.eq(issued),
            softmax.read_row.eq(issued.row),
            context.read.eq(issued),
            context.places.eq(softmax.places),
            array.valid.eq(valid),
            array.command.eq(command),
            Value.cast(array.x).eq(Mux(command.context, picked, query)),
            array.addend.eq(context.addend),
            array.write.eq(loader.write),
            # The array reads its cells before anything that is taken now is written.
            loader.keys_used.eq(used & ~reading.context),
            loader.values_used.eq(used & reading.context),
            sequencer.keys_ready.eq(loader.keys_ready),
            sequencer.values_ready.eq(loader.values_ready),
            *(sequencer.rows[bank].eq(buffer.rows[bank]) for bank in range(2)),
            sequencer.probabilities_ready.eq(softmax.ready),
            sequencer.context_given.eq(delayed(m, "given", result.given, 1)),
            context.write.eq(done & made.context & made.last),
            context.write_command.eq(made),
            context.sums.eq(array.o),
            result.write.eq(context.write & made.final),
            result.sums.eq(array.o),
        ]
        self._scores(m, sequencer, loader, buffer, softmax, array, commands)
        self._complete(m, sequencer, softmax, result, commands[1])
        return m

    def _jobs(self, m: Module, buffer: QueryBuffer, loader: Loader, sequencer: Sequencer) -> None:
        """Every job goes to the sequencer, and what they must know of it to both readers."""
        spec, plan = self.spec, self.plan
        m.submodules.jobs = jobs = Fork(self.jobs.payload.shape(), 3)
        m.submodules.array_jobs = array_jobs = Queue(self.jobs.payload.shape(), 1)
        wiring.connect(m, wiring.flipped(self.jobs), jobs.i)
        wiring.connect(m, jobs.o[0], array_jobs.i)
        wiring.connect(m, array_jobs.o, sequencer.job)
        for name, copy, reader in (
            ("queries", jobs.o[1], buffer.job),
            ("keys", jobs.o[2], loader.job),
        ):
            m.submodules[f"{name}_jobs"] = queue = Queue(rows_layout(spec, plan, name), 2)
            m.d.comb += [
                queue.i.valid.eq(copy.valid),
                copy.ready.eq(queue.i.ready),
                queue.i.p.count.eq(copy.p[name]),
                queue.i.p.beats.eq(copy.p.beats),
            ]
            wiring.connect(m, queue.o, reader)
        ends, bank = sequencer.done, sequencer.command.bank
        m.d.sync += buffer.free.eq(Cat(ends & ~bank, ends & bank))

    def _commands(self, m: Module, sequencer: Sequencer, stages: int) -> list[tuple[Value, Any]]:
        """The sequencer's command, now and in each of the cycles after it."""
        commands: list[tuple[Value, Any]] = [(sequencer.valid, sequencer.command)]
        for stage in range(1, stages + 1):
            valid, before = commands[-1]
            command = Signal(
                command_layout(self.spec, self.plan), name=f"command_{stage}", reset_less=True
            )
            m.d.sync += command.eq(before)
            commands.append((delayed(m, f"command_valid_{stage}", valid, 1), command))
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
        spec, job = self.spec, sequencer.current
        (reads, reading), (_, command), (done, made) = commands[1], *commands[-2:]
        starts = reads & ~reading.context & reading.first & (reading.row == 0)
        mask = held(m, starts, "mask", loader.mask)
        limit = held(m, ALWAYS, "limit", sequencer.ahead + command.row)
        # A word of a memory is late for a multiplier.
        row_scale = held(m, ALWAYS, "row_scale", buffer.scale)
        multiplier = held(m, ALWAYS, "multiplier", job.score_multiplier)
        scale = head_scale(
            *(m, "head_scale", spec.requantize, multiplier),
            *(row_scale.mantissa, row_scale.exponent),
        )
        scale = held(m, ALWAYS, "scale", scale, len(commands) - 4)
        visible = Cat(~job.causal | (limit >= column) for column in range(spec.key_block))
        m.d.comb += [
            softmax.valid.eq(done & ~made.context & made.last),
            softmax.row.eq(made.row),
            softmax.fresh.eq(made.fresh),
            softmax.seen.eq(mask & visible),
            softmax.probability_bits.eq(job.probability_bits),
            Value.cast(softmax.scale).eq(scale),
            *(softmax.scores[column].eq(array.o[column]) for column in range(spec.key_block)),
        ]

    def _complete(
        self,
        m: Module,
        sequencer: Sequencer,
        softmax: RowSoftmax,
        result: Result,
        issued: tuple[Value, Any],
    ) -> None:
        """A query's last products are on their way: its sum has just been read."""
        job = sequencer.current
        valid, command = issued
        head = Cat(job.context_multiplier, job.context_offset, job.beats, sequencer.done)
        m.d.comb += [
            result.complete_valid.eq(valid & command.context & command.row_ends & command.final),
            Value.cast(result.complete).eq(Cat(softmax.total, held(m, ALWAYS, "head", head))),
        ]


def _extended(x: Value, bits: int) -> Value:
    """``x`` with zeros above it."""
    return Cat(x, Const(0, bits - len(x)))
