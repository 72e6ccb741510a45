"""Softmax of rows of scores that come block by block: the engine's online form."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from golden.spec import ceil_log2
from hw.engine.layout import BANK_BITS
from hw.engine.plan import EnginePlan
from hw.engine.rescale import (
    ALWAYS,
    factor,
    factor_layout,
    narrowed,
    operands,
    scale_layout,
    shifted,
)
from hw.ops.exponential import Exponential
from hw.ops.max_finder import MaxTree
from hw.ops.requantize import Requantizer
from hw.pipeline import held


class RowSoftmax(wiring.Component):
    """``m' = max(m, x)``, ``P' = 2**-(m' - x)``, ``sum' = sum * 2**-(m' - m) + sum(P')``.

    Scores are requantised, ``softmax_lanes`` a cycle, and compared; then their exponentials are
    written for the array, with the factor that the row's old context takes. Largest score and sum
    of a row are kept from block to block. Rows may come ``key_block / softmax_lanes`` cycles apart.

    Members
    -------
    valid, scores, seen : a row, and which of its keys the query sees
    row, bank, fresh : which query; the block is its first
    scale : what its scores are rescaled by
    read_row : whose probabilities are read; they come in the next cycle
    probabilities, factor : of that row
    ready : a row's probabilities have been written
    total_row, total : of any bank, a row's sum in the next cycle
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        columns = spec.key_block
        super().__init__({
            "valid": In(1),
            "scores": In(data.ArrayLayout(signed(plan.score_bits(spec)), columns)),
            "seen": In(columns),
            "row": In(plan.row_bits),
            "bank": In(BANK_BITS),
            "fresh": In(1),
            "scale": In(scale_layout(spec.requantize)),
            "read_row": In(plan.row_bits),
            "probabilities": Out(data.ArrayLayout(unsigned(8), columns)),
            "factor": Out(factor_layout(spec, plan)),
            "ready": Out(1),
            "total_row": In(plan.row_bits + BANK_BITS),
            "total_read": In(1),
            "total": Out(plan.total_bits(spec)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        lanes = plan.softmax_lanes(spec)
        beats = spec.key_block // lanes
        tag = data.StructLayout({
            "seen": unsigned(lanes),
            "row": unsigned(plan.row_bits),
            "bank": unsigned(BANK_BITS),
            "fresh": unsigned(1),
            "beat": unsigned(max(1, ceil_log2(beats))),
            "last": unsigned(1),
        })
        m.submodules.requantizer = scaled = self._requantize(m, tag, lanes, beats)
        marks = data.View(tag, scaled.o.p.tag)

        # The largest of the row: of its beats, and of the blocks before.
        tree_plan = plan.max_finder(spec)
        m.submodules.max_tree = tree = MaxTree(spec.requantize.output_bits, tree_plan)
        m.d.comb += [tree.enable.eq(1), tree.data.eq(scaled.o.p.data), tree.seen.eq(marks.seen)]
        step, largest = self._largest(m, scaled.o.valid, marks, tree, tree_plan.stages)

        # The row's scores wait until its last one was compared.
        wait = tree_plan.stages + beats
        marks = _marks(m, "compared", marks, wait)
        valid = _valid(m, "compared", scaled.o.valid, wait)
        codes, rescale, marks, valid = self._exponentials(
            m,
            held(m, ALWAYS, "waiting", Value.cast(scaled.o.p.data), wait),
            largest,
            step,
            marks,
            valid,
        )
        self._store(m, codes, rescale, marks, valid)
        self._sum(m, codes, rescale, marks, valid)
        return m

    def _requantize(self, m: Module, tag: data.Layout, lanes: int, beats: int) -> Requantizer:
        """Feed a row to the requantizer, ``lanes`` scores a cycle."""
        spec = narrowed(self.spec.requantize, self.plan.score_bits(self.spec))
        scaled = Requantizer(spec, lanes=lanes, tag_bits=tag.size)
        row = data.StructLayout({
            "seen": unsigned(self.spec.key_block),
            "scale": self.scale.shape(),
            "row": unsigned(self.plan.row_bits),
            "bank": unsigned(BANK_BITS),
            "fresh": unsigned(1),
        })
        now, chosen, marks = Signal(row), Signal(row), Signal(tag)
        kept = Signal(row, reset_less=True)
        beat = Signal(range(max(2, beats)))
        for name in row.members:
            m.d.comb += now[name].eq(getattr(self, name))
        m.d.comb += chosen.eq(Mux(self.valid, now, kept))
        with m.If(self.valid):
            m.d.sync += [kept.eq(now), beat.eq(beats > 1)]
        with m.Elif(beat != 0):
            m.d.sync += beat.eq(Mux(beat == beats - 1, 0, beat + 1))
        # The first lanes' scores never wait.
        scores = Value.cast(self.scores)
        width = len(scores) // beats
        later = held(m, self.valid, "later", scores[width:])
        group = Cat(scores[:width], later).word_select(beat, width)
        sums = [group.word_select(lane, len(group) // lanes) for lane in range(lanes)]
        m.d.comb += [
            scaled.o.ready.eq(1),
            scaled.i.valid.eq(self.valid | (beat != 0)),
            marks.beat.eq(beat),
            marks.last.eq(beat == beats - 1),
            marks.seen.eq(chosen.seen.word_select(beat, lanes)),
            *(marks[name].eq(chosen[name]) for name in ("row", "bank", "fresh")),
            Value.cast(scaled.i.payload).eq(
                Cat(operands(spec, sums, chosen.scale.mantissa, chosen.scale.exponent), marks)
            ),
        ]
        return scaled

    def _largest(
        self, m: Module, valid: Value, marks: data.View, tree: MaxTree, stages: int
    ) -> tuple[Value, Value]:
        """How far the row's largest score rises, and what it then is, from its last beat on."""
        bits = self.spec.requantize.output_bits
        m.submodules.maxima = maxima = Memory(
            shape=signed(bits), depth=1 << self.plan.row_bits, init=[]
        )
        write, read = maxima.write_port(), maxima.read_port()
        early = _marks(m, "early", marks, stages - 1)
        found = _marks(m, "found", early, 1)
        valid = _valid(m, "found", valid, stages)
        best, block = Signal(signed(bits)), Signal(signed(bits))
        old, new = Signal(signed(bits)), Signal(signed(bits))
        lowest = Const(-(1 << (bits - 1)), signed(bits))
        value = tree.largest.value
        m.d.comb += [
            read.addr.eq(early.row),
            old.eq(Mux(found.fresh, lowest, read.data)),
            block.eq(Mux((found.beat == 0) | (value > best), value, best)),
            new.eq(Mux(block > old, block, old)),
            write.addr.eq(found.row),
            write.data.eq(new),
            write.en.eq(valid & found.last),
        ]
        largest, step = Signal(signed(bits)), Signal(bits)
        with m.If(valid):
            m.d.sync += best.eq(block)
            with m.If(found.last):
                m.d.sync += [largest.eq(new), step.eq(new - old)]
        return step, largest

    def _exponentials(
        self, m: Module, x: Value, largest: Value, step: Value, marks: data.View, valid: Value
    ) -> tuple[list[Value], Value, data.View, Value]:
        """P' of a beat, and the factor on what was summed before."""
        spec, bits = self.spec, self.spec.requantize.output_bits
        stages = 1 + Exponential.STAGES
        rescale = held(m, ALWAYS, "rescale", factor(m, spec, self.plan, step), stages - 2)
        marks = _marks(m, "codes", marks, stages)
        codes = []
        for lane in range(self.plan.softmax_lanes(spec)):
            exponential = Exponential(spec.exponential, bits)
            m.submodules[f"exponential_{lane}"] = exponential
            score = x[lane * bits : (lane + 1) * bits].as_signed()
            distance = held(m, ALWAYS, f"distance_{lane}", (largest - score)[:bits])
            m.d.comb += [exponential.enable.eq(1), exponential.distance.eq(distance)]
            codes.append(Mux(marks.seen[lane], exponential.code, 0))
        return codes, rescale, marks, _valid(m, "codes", valid, stages)

    def _store(
        self, m: Module, codes: list[Value], rescale: Value, marks: data.View, valid: Value
    ) -> None:
        """Write probabilities and factor for the array."""
        depth, columns = 1 << self.plan.row_bits, self.spec.key_block
        m.submodules.probability_memory = rows = Memory(
            shape=unsigned(8 * columns), depth=depth, init=[]
        )
        m.submodules.factor_memory = factors = Memory(
            shape=unsigned(len(rescale)), depth=depth, init=[]
        )
        lanes = len(codes)
        write, read = rows.write_port(granularity=8 * lanes), rows.read_port()
        write_factor, read_factor = factors.write_port(), factors.read_port()
        word = Cat(Cat(code, Const(0, 8 - len(code)))[:8] for code in codes)
        beats = columns // lanes
        m.d.comb += [
            write.addr.eq(marks.row),
            write.data.eq(Cat(word for _ in range(beats))),
            write.en.eq(Mux(valid, Const(1, beats) << marks.beat, 0)),
            write_factor.addr.eq(marks.row),
            write_factor.data.eq(rescale),
            write_factor.en.eq(valid & (marks.beat == 0)),
            read.addr.eq(self.read_row),
            read_factor.addr.eq(self.read_row),
            Value.cast(self.probabilities).eq(read.data),
            Value.cast(self.factor).eq(read_factor.data),
        ]

    def _sum(
        self, m: Module, codes: list[Value], rescale: Value, marks: data.View, valid: Value
    ) -> None:
        """Add the beats of a row to what its sum has become."""
        spec, plan = self.spec, self.plan
        bits, stages = plan.total_bits(spec), 0
        # Reading and rescaling the old sum takes two cycles as well.
        while len(codes) > 1 or stages < 2:
            stages += 1
            codes = [
                held(m, ALWAYS, f"sum_{stages}_{k}", sum(codes[k + 1 : k + 4], codes[k]))
                for k in range(0, len(codes), 4)
            ]
        m.submodules.totals = totals = Memory(
            shape=unsigned(bits), depth=1 << (plan.row_bits + BANK_BITS), init=[]
        )
        write, read, drain = totals.write_port(), totals.read_port(), totals.read_port()
        early = _marks(m, "summing", marks, stages - 2)
        last = _marks(m, "summed", marks, stages)
        valid = _valid(m, "summed", valid, stages)
        late = data.View(self.factor.shape(), held(m, ALWAYS, "late_factor", rescale, stages - 1))
        product = held(m, ALWAYS, "product", read.data * late.mantissa)
        old = shifted(spec, product, held(m, ALWAYS, "late_places", late.places))
        so_far, block = Signal(bits), Signal(bits)
        m.d.comb += [
            block.eq(Mux(last.beat == 0, 0, so_far) + codes[0]),
            read.addr.eq(Cat(early.row, early.bank)),
            write.addr.eq(Cat(last.row, last.bank)),
            write.data.eq(Mux(last.fresh, 0, old) + block),
            write.en.eq(valid & last.last),
            self.ready.eq(write.en),
            drain.addr.eq(self.total_row),
            drain.en.eq(self.total_read),
            self.total.eq(drain.data),
        ]
        with m.If(valid):
            m.d.sync += so_far.eq(block)


def _marks(m: Module, name: str, marks: data.View, stages: int) -> data.View:
    later = held(m, ALWAYS, f"{name}_marks", Value.cast(marks), stages)
    return data.View(marks.shape(), later)


def _valid(m: Module, name: str, valid: Value, stages: int) -> Value:
    for stage in range(stages):
        later = Signal(name=f"{name}_valid_{stage}")
        m.d.sync += later.eq(valid)
        valid = later
    return valid
