"""Additive attention of one query at a time, on vector lanes: what an RNN's decoder needs."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AdditiveAttentionSpec
from hw.ops.additive_layout import energy_layout, job_layout, key_layout, scaling
from hw.ops.additive_plan import AdditiveAttentionPlan
from hw.ops.context_sums import ContextSums
from hw.ops.head_scale import head_scale
from hw.ops.key_codes import KeyCodes
from hw.ops.key_comparison import INPUT_BITS, KeyComparison, static_quantizer
from hw.ops.query_sequence import QuerySequence
from hw.ops.reciprocal import Reciprocal
from hw.ops.requantize import Requantizer
from hw.ops.row import row_layout
from hw.pipeline import delayed, held

ALWAYS = Const(1)


class AdditiveAttention(wiring.Component):
    """``softmax_t(energy . tanh(query + key_t)) V`` of a query, as ``golden.ops`` has it.

    A job is a query of A elements, then blocks of ``key_block`` keys and their values of D
    elements, until ``keys`` of both. The multipliers of the lanes serve both passes: codes of tanh
    times energies, then P' times values. One requantizer of ``output_lanes`` serves scores and
    context, by row scales that have the job's multipliers in them: an engine that is given the
    energies as its query gives the same integers. Where a later block raises the largest score, old
    sums are rescaled as in ``golden.ops.key_blocks``, ``output_lanes`` elements a cycle.

    Throughput is one beat of a query, of keys or of values a cycle. The first of a block's values
    is taken ``block_latency`` cycles after the last of its keys; ``D / output_lanes + 1`` later
    where the block is not the job's first and raises the largest score. The first result comes
    ``latency`` cycles after the last value; jobs do not overlap. Energies are loaded while no job
    is inside. Values come as codes; a job has at least one key and no more than its plan.

    Vector lanes, because ``tanh(query + key)`` is no product and one query keeps no array busy. A
    query over 128 keys, A = D = 128, takes 4,269 cycles on 8 lanes (87,800 gate equivalents) and
    1,090 on 32 lanes with 4 output lanes (273,500). An engine of 1,024 products (1,316,000) would
    load the same keys and values in 1,024 cycles if they were products, and needs the tanh lanes
    besides: for about equal cycles the lanes are a fifth of its area. Query, scores and context
    of the 8 lanes are 7,680 bits of memory beside these; the energies' 1,024 bits are less than an
    area takes for a memory, and count as flip-flops.

    Parameters
    ----------
    spec : :class:`~golden.operator_spec.AdditiveAttentionSpec`
    plan : :class:`~hw.ops.additive_plan.AdditiveAttentionPlan`

    Members
    -------
    energies : :py:`In(stream.Signature(energy_layout(plan)))`
    jobs : :py:`In(stream.Signature(job_layout(spec, plan)))`, taken with its last result
    queries : :py:`In(stream.Signature(row_layout(signed(16), lanes)))`
    keys : :py:`In(stream.Signature(key_layout(plan)))`
    values : :py:`In(stream.Signature(row_layout(signed(operand.output_bits), lanes)))`
    o : :py:`Out(stream.Signature(row_layout(signed(output_bits), output_lanes)))`
    """

    def __init__(
        self, spec: AdditiveAttentionSpec, plan: AdditiveAttentionPlan | None = None
    ) -> None:
        self.spec = spec
        self.plan = plan = AdditiveAttentionPlan() if plan is None else plan
        plan.require(spec)
        walk, lanes = spec.attention, plan.lanes
        output = signed(walk.requantize.output_bits)
        super().__init__({
            "energies": In(stream.Signature(energy_layout(plan))),
            "jobs": In(stream.Signature(job_layout(spec, plan))),
            "queries": In(stream.Signature(row_layout(signed(INPUT_BITS), lanes))),
            "keys": In(stream.Signature(key_layout(plan))),
            "values": In(stream.Signature(row_layout(signed(walk.operand.output_bits), lanes))),
            "o": Out(stream.Signature(row_layout(output, plan.output_lanes))),
        })

    @staticmethod
    def block_latency(plan: AdditiveAttentionPlan) -> int:
        """Cycles from the last beat of a block's keys to the first of its values."""
        score = KeyComparison.STAGES + 1 + _tree_stages(plan.lanes) + Requantizer.STAGES
        return score + 1 + KeyCodes.STAGES

    @staticmethod
    def latency() -> int:
        """Cycles from the last beat of a job's values to its first results."""
        return 2 + Reciprocal.STAGES + Requantizer.STAGES

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan, job = self.spec, self.plan, self.jobs.p
        walk = spec.attention
        m.submodules.sequence = sequence = QuerySequence(walk, plan)
        m.submodules.comparison = comparison = KeyComparison(spec, plan)
        m.submodules.codes = codes = KeyCodes(walk)
        m.submodules.sums = sums = ContextSums(walk, plan)
        m.submodules.requantizer = scaled = Requantizer(
            scaling(spec, plan), lanes=plan.output_lanes, tag_bits=3
        )
        m.submodules.reciprocal = reciprocal = Reciprocal(walk.reciprocal, plan.total_bits(walk))

        takes_query = self.queries.valid & self.queries.ready
        takes_key = self.keys.valid & self.keys.ready
        takes_value = self.values.valid & self.values.ready
        value_ends = takes_value & self.values.p.last
        is_context, seen, ends = scaled.o.p.tag
        scored = scaled.o.valid & ~is_context
        m.d.comb += [
            self.queries.ready.eq(sequence.query),
            self.keys.ready.eq(sequence.key),
            self.values.ready.eq(sequence.value),
            self.energies.ready.eq(1),
            self.jobs.ready.eq(sequence.given),
            sequence.begin.eq(self.jobs.valid),
            sequence.keys.eq(job.keys),
            sequence.takes_query.eq(takes_query),
            sequence.takes_key.eq(takes_key),
            sequence.takes_value.eq(takes_value),
            sequence.row_ends.eq(
                (takes_query & self.queries.p.last) | (takes_key & self.keys.p.last) | value_ends
            ),
            sequence.scored.eq(scored & ends),
            sequence.rises.eq(codes.rise.any()),
            sequence.moves.eq(scaled.i.ready),
            sequence.given.eq(self.o.valid & self.o.ready & self.o.p.last),
            comparison.energies_write.eq(self.energies.valid),
            comparison.energies.eq(self.energies.p.data),
            comparison.energies_beat.eq(self.energies.p.beat),
            comparison.query_write.eq(takes_query),
            comparison.query.eq(self.queries.p.data),
            comparison.key.eq(self.keys.p.data),
            comparison.beat.eq(sequence.beat),
            codes.valid.eq(scored),
            codes.score.eq(scaled.o.p.data[0]),
            codes.seen.eq(seen),
            codes.ends.eq(ends),
            codes.step.eq(sequence.primes | value_ends),
            codes.over.eq(value_ends & sequence.block_ends),
            codes.clear.eq(takes_query),
            reciprocal.enable.eq(1),
            reciprocal.n.eq(sums.total),
            self.o.valid.eq(scaled.o.valid & is_context),
            *(y.eq(code) for y, code in zip(self.o.p.data, scaled.o.p.data, strict=True)),
            self.o.p.last.eq(ends),
            scaled.o.ready.eq(~is_context | self.o.ready),
        ]

        # The lanes' multipliers: codes of tanh and energies, or P' and values.
        products = []
        for lane in range(plan.lanes):
            first = Mux(takes_value, Cat(codes.code, 0).as_signed(), comparison.codes[lane])
            second = Mux(takes_value, self.values.p.data[lane], comparison.weights[lane])
            products.append(held(m, ALWAYS, f"product_{lane}", first * second))

        adds = delayed(m, "adds", takes_value, 1)
        value_beat = held(m, ALWAYS, "value_beat", sequence.beat)
        m.d.comb += [
            *(x.eq(product) for x, product in zip(sums.products, products, strict=True)),
            sums.add.eq(adds),
            sums.fresh.eq(held(m, ALWAYS, "fresh", sequence.fresh)),
            sums.beat.eq(Mux(adds, value_beat, sequence.beat)),
            sums.part.eq(sequence.part),
            sums.count.eq(value_ends),
            sums.code.eq(codes.code),
            sums.start.eq(sequence.fresh),
            sums.rise.eq(codes.rise),
            sums.rescale.eq(sequence.rescale),
            sums.rescale_total.eq(sequence.rescale_total),
        ]

        stages = KeyComparison.STAGES + 1 + _tree_stages(plan.lanes)
        marks = Cat(self.keys.p.last, self.keys.p.seen, sequence.block_ends)
        key_ends, *tag = held(m, ALWAYS, "marks", marks, stages)
        summed = delayed(m, "summed", takes_key, stages)
        score = self._sum(m, products, summed, key_ends)
        gives, divides = sequence.gives, sequence.divides
        _, _, mantissa, static = static_quantizer(spec.comparison)
        exponent = Mux(divides, reciprocal.exponent, static)
        exponent += Mux(divides, job.context_offset, job.score_offset)
        scale = head_scale(
            *(m, "scale", walk.requantize),
            Mux(divides, job.context_multiplier, job.score_multiplier),
            Mux(divides, reciprocal.mantissa, mantissa),
            exponent,
        )
        # One key's score, or elements of the context.
        first, *others = sums.elements
        accumulators = (Mux(gives, first, score), *others)
        m.d.comb += [
            scaled.i.valid.eq(gives | (summed & key_ends)),
            *(x.eq(y) for x, y in zip(scaled.i.p.accumulator, accumulators, strict=True)),
            *(x.eq(1) for x in scaled.i.p.multiplier),
            Cat(scaled.i.p.mantissa, scaled.i.p.exponent).eq(scale),
            scaled.i.p.tag.eq(Cat(gives, Mux(gives, Cat(0, sequence.walk_ends), Cat(tag)))),
        ]
        return m

    def _sum(self, m: Module, products: list[Value], valid: Value, last: Value) -> Value:
        """Add the products of a beat, and the beats of a key."""
        for stage in range(_tree_stages(self.plan.lanes)):
            products = [
                held(m, ALWAYS, f"sum_{stage}_{k}", sum(products[k + 1 : k + 4], products[k]))
                for k in range(0, len(products), 4)
            ]
        so_far = Signal(signed(self.plan.score_bits(self.spec)))
        total = Signal.like(so_far)
        m.d.comb += total.eq(so_far + products[0])
        with m.If(valid):
            m.d.sync += so_far.eq(Mux(last, 0, total))
        return total


def _tree_stages(lanes: int) -> int:
    """Registers of the sum over the lanes: four terms to one each."""
    stages = 0
    while lanes > 1:
        lanes, stages = -(-lanes // 4), stages + 1
    return stages
