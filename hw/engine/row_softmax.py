"""Softmax of rows of scores that come block by block: the engine's online form."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from golden.spec import ceil_log2
from hw.engine.layout import job_layout, scale_layout
from hw.engine.plan import EnginePlan
from hw.engine.rescale import ALWAYS, most_places, places_shape
from hw.ops.exponential import Exponential
from hw.ops.head_scale import narrowed, operands
from hw.ops.max_finder import MaxTree
from hw.ops.requantize import Requantizer
from hw.ops.rounding import cut_places, shifted_right
from hw.pipeline import delayed, held


class RowSoftmax(wiring.Component):
    """``m' = max(m, floor(x) + 1)``, ``P' = 2**-(m' - x)``, ``sum' = sum / 2**(m' - m) + sum(P')``.

    Scores are requantised, ``softmax_lanes`` a cycle, and compared; then their exponentials are
    written for the array, with how far the row's old context is shifted. ``m`` and sum of a row are
    kept from block to block. Rows may come ``key_block / softmax_lanes`` cycles apart.

    Members
    -------
    valid, scores, seen : a row, and which of its keys the query sees
    row, fresh : which query; the block is its first
    scale : what its scores are rescaled by
    probability_bits : width of P', the same until all rows of a job are ``ready``
    read_row : what is read of which row; it comes in the next cycle
    probabilities, places, total : of that row: P', what its old context is shifted by, its sum
    ready : a row's probabilities have been written
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        self.bits, columns = spec.requantize.output_bits, spec.key_block
        self.whole = signed(self.bits - spec.score_fraction_bits)
        super().__init__({
            "valid": In(1),
            "scores": In(data.ArrayLayout(signed(plan.score_bits(spec)), columns)),
            "seen": In(columns),
            "row": In(plan.row_bits),
            "fresh": In(1),
            "scale": In(scale_layout(spec)),
            "probability_bits": In(job_layout(spec, plan).members["probability_bits"]),
            "read_row": In(plan.row_bits),
            "probabilities": Out(data.ArrayLayout(unsigned(spec.probability_bits), columns)),
            "places": Out(places_shape(spec, plan)),
            "total": Out(plan.total_bits(spec)),
            "ready": Out(1),
        })

    @classmethod
    def latency(cls, spec: AttentionSpec, plan: EnginePlan) -> int:
        """Cycles from a row's scores until it is ready."""
        sums = 1 + max(1, -(-ceil_log2(plan.score_lanes(spec)) // 2))
        return Requantizer.STAGES + cls._compared(spec, plan) + 1 + Exponential.STAGES + sums

    @staticmethod
    def _compared(spec: AttentionSpec, plan: EnginePlan) -> int:
        """Cycles from a row's first scores, rescaled, until its last ones were compared."""
        return plan.max_finder(spec).stages + plan.row_beats(spec) + 1

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        beats = plan.row_beats(spec)
        tag = data.StructLayout({
            "seen": unsigned(plan.score_lanes(spec)),
            "row": unsigned(plan.row_bits),
            "fresh": unsigned(1),
            "beat": unsigned(max(1, ceil_log2(beats))),
            "last": unsigned(1),
        })
        m.submodules.requantizer = scaled = self._requantize(m, tag)
        marks = data.View(tag, scaled.o.p.tag)

        # The largest of the row: of its beats, and of the blocks before.
        tree_plan = plan.max_finder(spec)
        m.submodules.max_tree = tree = MaxTree(self.whole.width, tree_plan)
        m.d.comb += [
            tree.enable.eq(1),
            tree.seen.eq(marks.seen),
            *(
                whole.eq(score[spec.score_fraction_bits :])
                for whole, score in zip(tree.data, scaled.o.p.data, strict=True)
            ),
        ]
        above, places = self._above(m, scaled.o.valid, marks, tree, tree_plan.stages)

        # The row's scores wait until its last one was compared.
        wait = self._compared(spec, plan)
        scores = held(m, ALWAYS, "waiting", Value.cast(scaled.o.p.data), wait)
        marks = _marks(m, "compared", marks, wait)
        valid = delayed(m, "compared_valid", scaled.o.valid, wait)
        codes = self._codes(m, scores, above, marks)
        stages = 1 + Exponential.STAGES
        places = held(m, ALWAYS, "places", places, stages)
        marks = _marks(m, "codes", marks, stages)
        valid = delayed(m, "codes_valid", valid, stages)
        codes = [Mux(seen, code, 0) for seen, code in zip(marks.seen, codes, strict=True)]
        self._store(m, codes, places, marks, valid)
        self._sum(m, codes, places, marks, valid)
        return m

    def _requantize(self, m: Module, tag: data.Layout) -> Requantizer:
        """Feed a row to the requantizer, ``lanes`` scores a cycle."""
        lanes, beats = self.plan.score_lanes(self.spec), self.plan.row_beats(self.spec)
        spec = narrowed(self.spec.requantize, self.plan.score_bits(self.spec))
        scaled = Requantizer(spec, lanes=lanes, tag_bits=tag.size)
        row = data.StructLayout({
            "seen": unsigned(self.spec.key_block),
            "scale": self.scale.shape(),
            "row": unsigned(self.plan.row_bits),
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
            *(marks[name].eq(chosen[name]) for name in ("row", "fresh")),
            Value.cast(scaled.i.payload).eq(
                Cat(operands(spec, sums, chosen.scale.mantissa, chosen.scale.exponent), marks)
            ),
        ]
        return scaled

    def _above(
        self, m: Module, valid: Value, marks: data.View, tree: MaxTree, stages: int
    ) -> tuple[Value, Value]:
        """From a row's last beat on ``m' + 1 + spare bits``, and how far ``m'`` is above ``m``."""
        spec, whole = self.spec, self.whole
        m.submodules.maxima = maxima = Memory(shape=whole, depth=1 << self.plan.row_bits, init=[])
        write, read = maxima.write_port(), maxima.read_port()
        early = _marks(m, "early", marks, stages - 1)
        found = _marks(m, "found", early, 1)
        valid = delayed(m, "found_valid", valid, stages)
        best, new = Signal(whole, reset_less=True), Signal(whole)
        value = tree.largest.value
        with m.If(valid & ((found.beat == 0) | (value > best))):
            m.d.sync += best.eq(value)
        lowest = Const(-(1 << (whole.width - 1)), whole)
        old = held(m, ALWAYS, "old", Mux(found.fresh, lowest, read.data).as_signed())
        ends, row = delayed(m, "ends", valid & found.last, 1), held(m, ALWAYS, "row", found.row)
        difference = Signal(signed(whole.width + 1))
        m.d.comb += [
            read.addr.eq(early.row),
            difference.eq(best - old),
            new.eq(Mux(difference < 0, old, best)),
            write.addr.eq(row),
            write.data.eq(new),
            write.en.eq(ends),
        ]
        # Narrower codes are those of a larger maximum.
        spare = spec.probability_bits + 1 - self.probability_bits
        above = held(m, ends, "above", (new + spare)[: whole.width + 1].as_signed())
        rise = held(m, ends, "rise", Mux(difference < 0, 0, difference)[: whole.width])
        return above, cut_places(rise, most_places(spec, self.plan))

    def _codes(self, m: Module, scores: Value, above: Value, marks: data.View) -> list[Value]:
        """P' of a beat, ``1 + Exponential.STAGES`` cycles later."""
        spec, bits = self.spec, self.bits
        codes = []
        for lane in range(self.plan.score_lanes(spec)):
            exponential = Exponential(spec.exponential, bits + 1)
            m.submodules[f"exponential_{lane}"] = exponential
            score = scores.word_select(lane, bits).as_signed()
            distance = ((above << spec.score_fraction_bits) - score)[: bits + 1]
            m.d.comb += [
                exponential.enable.eq(1),
                exponential.distance.eq(held(m, ALWAYS, f"distance_{lane}", distance)),
            ]
            codes.append(exponential.code[: spec.probability_bits])
        return codes

    def _store(
        self, m: Module, codes: list[Value], places: Value, marks: data.View, valid: Value
    ) -> None:
        """Write probabilities and places for the array."""
        depth, beats = 1 << self.plan.row_bits, self.plan.row_beats(self.spec)
        word = Value.cast(self.probabilities)
        m.submodules.probability_memory = rows = Memory(
            shape=unsigned(len(word)), depth=depth, init=[]
        )
        m.submodules.place_memory = shifts = Memory(shape=places.shape(), depth=depth, init=[])
        write, read = rows.write_port(granularity=len(word) // beats), rows.read_port()
        write_places, read_places = shifts.write_port(), shifts.read_port()
        m.d.comb += [
            write.addr.eq(marks.row),
            write.data.eq(Cat(codes).replicate(beats)),
            write.en.eq(Mux(valid, Const(1, beats) << marks.beat, 0)),
            write_places.addr.eq(marks.row),
            write_places.data.eq(places),
            write_places.en.eq(valid & marks.last),
            read.addr.eq(self.read_row),
            read_places.addr.eq(self.read_row),
            word.eq(read.data),
            self.places.eq(read_places.data),
        ]

    def _sum(
        self, m: Module, codes: list[Value], places: Value, marks: data.View, valid: Value
    ) -> None:
        """Add the beats of a row to what its sum has become."""
        bits, stages = self.plan.total_bits(self.spec), 0
        # What the sum was is read in a cycle as well.
        while len(codes) > 1 or not stages:
            stages += 1
            codes = [
                held(m, ALWAYS, f"sum_{stages}_{k}", sum(codes[k + 1 : k + 4], codes[k]))
                for k in range(0, len(codes), 4)
            ]
        m.submodules.totals = totals = Memory(
            shape=unsigned(bits), depth=1 << self.plan.row_bits, init=[]
        )
        write, read, drain = totals.write_port(), totals.read_port(), totals.read_port()
        early = _marks(m, "summing", marks, stages - 1)
        last = _marks(m, "summed", early, 1)
        valid = delayed(m, "summed_valid", valid, stages)
        places = held(m, ALWAYS, "late_places", places, stages)
        block = Signal(bits, reset_less=True)
        with m.If(valid):
            m.d.sync += block.eq(Mux(last.beat == 0, 0, block) + codes[0])
        old = Mux(last.fresh, 0, shifted_right(read.data, places))
        old = held(m, ALWAYS, "old_total", old[: bits + 1])
        m.d.comb += [
            read.addr.eq(early.row),
            write.addr.eq(held(m, ALWAYS, "total_row", last.row)),
            # The bit below the last one rounds.
            write.data.eq(old[1:] + block + old[0]),
            write.en.eq(delayed(m, "total_ends", valid & last.last, 1)),
            self.ready.eq(write.en),
            drain.addr.eq(self.read_row),
            self.total.eq(drain.data),
        ]


def _marks(m: Module, name: str, marks: data.View, stages: int) -> data.View:
    later = held(m, ALWAYS, f"{name}_marks", Value.cast(marks), stages)
    return data.View(marks.shape(), later)
