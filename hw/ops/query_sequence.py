"""The order of a query's additive attention: keys and values, block by block, then its context."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from hw.ops.additive_plan import AdditiveAttentionPlan
from hw.ops.key_codes import KeyCodes
from hw.ops.reciprocal import Reciprocal

PHASES = (
    *("query", "keys", "scores", "codes", "rescale", "rescaled", "values"),
    *("reciprocal", "context", "results"),
)


class QuerySequence(wiring.Component):
    """Tells what is taken, and which beat and part of the sums are walked.

    A query; then blocks of ``key_block`` keys, the wait for their scores and first code, the old
    sums' rescaling where a later block rises, and their values; then the reciprocal and the
    context's elements. The beat counts within whatever row is taken or walked.

    Members
    -------
    begin, keys : a job is there; how many keys it has
    takes_query, takes_key, takes_value, row_ends : a beat is taken; it is the last of its row
    scored : the last score of the block is kept
    rises : it has raised the largest score
    gives, moves : an element of the context leaves once ``moves``
    given : the last one has left
    query, key, value : what may be taken
    beat, part, walk_ends : where the sums are read; the last place
    block_ends : the row is the block's last
    fresh : the row is the job's first
    primes : codes step on without a value
    rescale, rescale_total : elements, or the total, take the factor of the rise
    divides : the next scale is the context's
    """

    def __init__(self, spec: AttentionSpec, plan: AdditiveAttentionPlan) -> None:
        self.spec, self.plan = spec, plan
        flags = (
            *("begin", "takes_query", "takes_key", "takes_value", "row_ends"),
            *("scored", "rises", "moves", "given"),
        )
        told = (
            *("query", "key", "value", "walk_ends", "block_ends", "fresh", "primes"),
            *("rescale", "rescale_total", "divides", "gives"),
        )
        super().__init__({
            **{name: In(1) for name in flags},
            "keys": In(plan.key_bits),
            **{name: Out(1) for name in told},
            "beat": Out(plan.beat_bits),
            "part": Out(plan.part_bits),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        block = self.spec.key_block
        # The block begins with key ``start``; its keys and its values are counted by ``place``.
        start, number = Signal(self.plan.key_bits), Signal(self.plan.key_bits)
        place = Signal(range(block))
        job_ends = Signal()
        m.d.comb += [
            number.eq(start + place),
            job_ends.eq(number == self.keys - 1),
            self.block_ends.eq(job_ends | (place == block - 1)),
            self.fresh.eq(number == 0),
        ]
        with m.If(self.row_ends & (self.takes_key | self.takes_value)):
            m.d.sync += place.eq(Mux(self.block_ends, 0, place + 1))
        self._walk(m)
        self._phases(m, start, number, job_ends)
        return m

    def _phases(self, m: Module, start: Signal, number: Value, job_ends: Value) -> None:
        phase = Signal(len(PHASES), init=1)  # one of its bits is set
        at = dict(zip(PHASES, phase, strict=True))
        # A cycle more than the reciprocal: its multiplier is put into it.
        wait = Signal(range(max(KeyCodes.STAGES, Reciprocal.STAGES + 1)))
        ends = self.row_ends & self.block_ends
        # "rescaled" waits: the last part is written when a value taken then would be.
        m.d.comb += [
            self.query.eq(at["query"] & self.begin),
            self.key.eq(at["keys"]),
            self.primes.eq(at["codes"]),
            self.rescale.eq(at["rescale"]),
            self.value.eq(at["values"]),
            self.divides.eq(at["reciprocal"] | at["context"]),
            self.gives.eq(at["context"]),
        ]
        coded = at["codes"] & (wait == KeyCodes.STAGES - 1)
        divided = at["reciprocal"] & (wait == Reciprocal.STAGES)
        taken = self.takes_value & ends
        m.d.comb += self.rescale_total.eq(coded & (start != 0) & self.rises)
        m.d.sync += wait.eq(Mux((at["codes"] | at["reciprocal"]) & ~coded & ~divided, wait + 1, 0))
        with m.If(at["query"]):
            m.d.sync += start.eq(0)
        with m.If(taken):
            m.d.sync += start.eq(number + 1)
        for leaves, following in (
            (self.takes_query & self.row_ends, "keys"),
            (self.takes_key & ends, "scores"),
            (at["scores"] & self.scored, "codes"),
            (coded & ~self.rescale_total, "values"),
            (self.rescale_total, "rescale"),
            (at["rescale"] & self.walk_ends, "rescaled"),
            (at["rescaled"], "values"),
            (taken & ~job_ends, "keys"),
            (taken & job_ends, "reciprocal"),
            (divided, "context"),
            (at["context"] & self.moves & self.walk_ends, "results"),
            (at["results"] & self.given, "query"),
        ):
            with m.If(leaves):
                m.d.sync += phase.eq(1 << PHASES.index(following))

    def _walk(self, m: Module) -> None:
        """Count beats that are taken, and parts of beats that are walked."""
        last_beat = Signal(self.plan.beat_bits)  # of a value
        part_ends = self.part == self.plan.parts - 1
        beat_ends = self.beat == last_beat
        m.d.comb += self.walk_ends.eq(part_ends & beat_ends)
        with m.If(self.takes_query | self.takes_key | self.takes_value):
            m.d.sync += self.beat.eq(Mux(self.row_ends, 0, self.beat + 1))
        with m.If(self.takes_value & self.row_ends):
            m.d.sync += last_beat.eq(self.beat)
        with m.If(self.rescale | (self.gives & self.moves)):
            m.d.sync += self.part.eq(Mux(part_ends, 0, self.part + 1))
            with m.If(part_ends):
                m.d.sync += self.beat.eq(Mux(beat_ends, 0, self.beat + 1))
