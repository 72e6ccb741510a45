"""Softmax of whole rows: a max-finder, a sum of exponentials, its logarithm, and no divider."""

from typing import Any

from amaranth.hdl import Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import SoftmaxSpec
from hw.ops.exponential import Exponential, zero_distance
from hw.ops.max_finder import MaxFinder, largest_layout, masked_row_layout
from hw.ops.plan import SoftmaxPlan
from hw.ops.reciprocal import Logarithm
from hw.pipeline import Pipeline, held
from hw.stream import Fork, Queue


def code_row_layout(spec: SoftmaxSpec, plan: SoftmaxPlan) -> data.StructLayout:
    """One beat of probabilities: codes, and whether the row ends with it."""
    codes = data.ArrayLayout(unsigned(spec.output.code_bits), plan.output_lanes)
    return data.StructLayout({"data": codes, "last": unsigned(1)})


class Softmax(wiring.Component):
    """``P = 2**(x - max - log2(sum 2**(x - max)))`` of each row, codes of ``spec.output``.

    Three passes over a row, each over another row at the same time: the largest score; the sum of
    the exponentials of the distances to it; the exponentials of the distances less the logarithm
    of that sum. Throughput is one beat of ``lanes`` scores per cycle, rows back to back. Latency
    from a row's last score to its first code is ``Softmax.latency`` cycles and twice the beats of
    the row. Elements that are not seen give 0; so does every one of a row without a seen element.
    Source: ReTransformer, ICCAD 2020, hybrid softmax.

    Members
    -------
    i : :py:`In(stream.Signature(masked_row_layout(signed(spec.score_bits), plan.lanes)))`
    o : :py:`Out(stream.Signature(code_row_layout(spec, plan)))`
        The same elements, ``plan.output_groups`` beats at a time.
    largest : :py:`Out(stream.Signature(largest_layout(spec.score_bits, plan.index_bits)))`
        Each row's largest score and its lowest index: the argmax.
    """

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan | None = None) -> None:
        plan = SoftmaxPlan() if plan is None else plan
        unit_power(spec)
        self.spec, self.plan = spec, plan
        scores = masked_row_layout(signed(spec.score_bits), plan.lanes)
        largest = largest_layout(spec.score_bits, plan.index_bits)
        super().__init__({
            "i": In(stream.Signature(scores)),
            "o": Out(stream.Signature(code_row_layout(spec, plan))),
            "largest": Out(stream.Signature(largest)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        m.submodules.copies = copies = Fork(self.i.payload.shape(), 2)
        m.submodules.max_finder = finder = MaxFinder(
            spec.score_bits, plan.max_finder, plan.index_bits
        )
        m.submodules.scores = scores = RowQueue(self.i.payload.shape(), plan)
        m.submodules.found = found = Fork(self.largest.payload.shape(), 2)
        m.submodules.maxima = maxima = Queue(signed(spec.score_bits), 2)
        m.submodules.sum = total = RowSum(spec, plan)
        m.submodules.gather = gather = Gather(total.distances.payload.shape(), plan)
        m.submodules.distances = distances = RowQueue(gather.o.payload.shape(), plan)
        m.submodules.powers = powers = Queue(total.power.payload.shape(), 2)
        m.submodules.normalise = normalise = Normalise(spec, plan)

        wiring.connect(m, wiring.flipped(self.i), copies.i)
        wiring.connect(m, copies.o[0], finder.i)
        wiring.connect(m, copies.o[1], scores.i)
        wiring.connect(m, finder.o, found.i)
        wiring.connect(m, found.o[0], wiring.flipped(self.largest))
        m.d.comb += [
            maxima.i.payload.eq(found.o[1].p.value),
            maxima.i.valid.eq(found.o[1].valid),
            found.o[1].ready.eq(maxima.i.ready),
        ]
        wiring.connect(m, scores.o, total.i)
        wiring.connect(m, maxima.o, total.largest)
        wiring.connect(m, total.distances, gather.i)
        wiring.connect(m, gather.o, distances.i)
        wiring.connect(m, total.power, powers.i)
        wiring.connect(m, distances.o, normalise.i)
        wiring.connect(m, powers.o, normalise.power)
        wiring.connect(m, normalise.o, wiring.flipped(self.o))
        return m


class RowQueue(wiring.Component):
    """Holds a row while the pass before it ends: a memory with a registered read.

    Latency is two cycles, throughput one beat per cycle. It has room for the longest row and for
    what enters while the pass before it tells its result.
    """

    AHEAD = 16

    def __init__(self, shape: Any, plan: SoftmaxPlan) -> None:
        self.depth = plan.longest_beats + self.AHEAD
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        width = len(Value.cast(self.i.payload))
        m.submodules.memory = memory = fifo.SyncFIFOBuffered(width=width, depth=self.depth)
        m.d.comb += [
            memory.w_data.eq(self.i.payload),
            memory.w_en.eq(self.i.valid),
            self.i.ready.eq(memory.w_rdy),
            Value.cast(self.o.payload).eq(memory.r_data),
            self.o.valid.eq(memory.r_rdy),
            memory.r_en.eq(self.o.ready),
        ]
        return m


class RowSum(wiring.Component):
    """Distances to the row's largest score, and ``log2`` of the sum of their exponentials.

    Members
    -------
    i : scores
    largest : of each row
    distances : ``largest - x``, clipped where every exponential is zero; those not seen marked
    power : ``log2(sum) - log2(unit)``, with the fraction bits of ``spec.output``
    """

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan) -> None:
        self.spec, self.plan = spec, plan
        distance = unsigned(distance_bits(spec))
        super().__init__({
            "i": In(stream.Signature(masked_row_layout(signed(spec.score_bits), plan.lanes))),
            "largest": In(stream.Signature(signed(spec.score_bits))),
            "distances": Out(stream.Signature(masked_row_layout(distance, plan.lanes))),
            "power": Out(stream.Signature(power_shape(spec, plan))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        taken = stream.Signature(unsigned(1)).create()
        sums = stream.Signature(unsigned(1)).create()
        tree_stages = -(-(plan.lanes - 1).bit_length() // 2)
        terms = Pipeline(m, taken, sums, 1 + Exponential.STAGES + tree_stages)
        moves = terms.moves
        m.d.comb += [
            taken.valid.eq(self.i.valid & self.largest.valid & self.distances.ready),
            self.distances.valid.eq(self.i.valid & self.largest.valid & taken.ready),
            self.i.ready.eq(self.distances.valid & self.distances.ready),
            self.largest.ready.eq(self.i.ready & self.i.p.last),
            self.distances.p.seen.eq(self.i.p.seen),
            self.distances.p.last.eq(self.i.p.last),
        ]
        codes: list[Value] = []
        for lane in range(plan.lanes):
            distance = Signal(distance_bits(spec), name=f"distance_{lane}")
            m.d.comb += distance.eq(self._distance(m, lane))
            m.d.comb += self.distances.p.data[lane].eq(distance)
            exponential = Exponential(spec.exponential, distance_bits(spec))
            m.submodules[f"exponential_{lane}"] = exponential
            seen = held(m, moves, f"seen_{lane}", self.i.p.seen[lane], 1 + Exponential.STAGES)
            m.d.comb += [
                exponential.enable.eq(moves),
                exponential.distance.eq(held(m, moves, f"held_{lane}", distance)),
            ]
            codes.append(Mux(seen, exponential.code, 0))
        for stage in range(tree_stages):
            codes = [
                held(
                    m,
                    moves,
                    f"sum_{stage}_{group}",
                    sum(codes[group + 1 : group + 4], codes[group]),
                )
                for group in range(0, len(codes), 4)
            ]
        last = held(m, moves, "last", self.i.p.last, 1 + Exponential.STAGES + tree_stages)
        self._fold(m, sums, codes[0], last)
        return m

    def _distance(self, m: Module, lane: int) -> Value:
        """``largest - x``, at least 0, at most where nothing is left."""
        difference = Signal(signed(self.spec.score_bits + 1), name=f"difference_{lane}")
        m.d.comb += difference.eq(self.largest.payload - self.i.p.data[lane])
        bits = distance_bits(self.spec)
        far = difference[bits:-1].any()
        return Mux(difference[-1], 0, difference[:bits] | far.replicate(bits))

    def _fold(self, m: Module, sums: Any, beat: Value, last: Value) -> None:
        """Add the beats of a row, then take the logarithm of the sum."""
        spec, plan = self.spec, self.plan
        total = Signal(spec.exponential.code_bits + plan.index_bits, reset_less=True)
        start = Signal(init=1)
        rows = stream.Signature(unsigned(1)).create()
        m.d.comb += sums.ready.eq(~rows.valid | rows.ready)
        with m.If(sums.ready):
            m.d.sync += rows.valid.eq(sums.valid & last)
            with m.If(sums.valid):
                m.d.sync += [total.eq(Mux(start, 0, total) + beat), start.eq(last)]
        m.submodules.logarithm = logarithm = Logarithm(spec.reciprocal, len(total))
        power = Pipeline(m, rows, self.power, Logarithm.STAGES)
        finer = spec.reciprocal.fraction_bits - spec.output.fraction_bits
        # log2 of the unit is what golden's table says of it: exact, since nothing follows its one.
        unit = unit_power(spec)
        relative = logarithm.power - unit
        m.d.comb += [
            logarithm.enable.eq(power.moves),
            logarithm.n.eq(total),
            self.power.payload.eq((relative + (1 << finer >> 1)) >> finer),
        ]


class Gather(wiring.Component):
    """Joins ``output_groups`` beats of a row to one; the last one of a row may be part empty.

    Latency is one cycle, throughput one beat of ``i`` per cycle.
    """

    def __init__(self, shape: data.StructLayout, plan: SoftmaxPlan) -> None:
        self.plan = plan
        distance = shape["data"].shape.elem_shape
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(masked_row_layout(distance, plan.output_lanes))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        groups, lanes = self.plan.output_groups, self.plan.lanes
        group = Signal(range(groups))
        full = self.i.p.last | (group == groups - 1)
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid & full)
            with m.If(self.i.valid):
                m.d.sync += [group.eq(Mux(full, 0, group + 1)), self.o.p.last.eq(self.i.p.last)]
                for index in range(groups):
                    with m.If(group == index):
                        for lane in range(lanes):
                            place = index * lanes + lane
                            m.d.sync += self.o.p.data[place].eq(self.i.p.data[lane])
                        m.d.sync += self.o.p.seen[index * lanes : (index + 1) * lanes].eq(
                            self.i.p.seen
                        )
                with m.If(group == 0):
                    m.d.sync += self.o.p.seen[lanes:].eq(0)
        return m


class Normalise(wiring.Component):
    """``code = round(unit * 2**-(distance + power))`` of every element that is seen.

    Members
    -------
    i : distances
    power : of each row
    o : codes
    """

    STAGES = 1 + Exponential.STAGES

    def __init__(self, spec: SoftmaxSpec, plan: SoftmaxPlan) -> None:
        self.spec, self.plan = spec, plan
        distance = unsigned(distance_bits(spec))
        super().__init__({
            "i": In(stream.Signature(masked_row_layout(distance, plan.output_lanes))),
            "power": In(stream.Signature(power_shape(spec, plan))),
            "o": Out(stream.Signature(code_row_layout(spec, plan))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec = self.spec
        both = stream.Signature(unsigned(1)).create()
        pipeline = Pipeline(m, both, self.o, self.STAGES)
        moves = pipeline.moves
        m.d.comb += [
            both.valid.eq(self.i.valid & self.power.valid),
            self.i.ready.eq(both.valid & both.ready),
            self.power.ready.eq(self.i.ready & self.i.p.last),
            self.o.p.last.eq(held(m, moves, "last", self.i.p.last, self.STAGES)),
        ]
        finer = spec.output.fraction_bits - spec.exponential.fraction_bits
        # The power of a row that sees nothing may be negative; its codes are not looked at.
        power = self.power.payload.as_unsigned()
        for lane in range(self.plan.output_lanes):
            distance = (self.i.p.data[lane] << finer) + power
            exponential = Exponential(spec.output, len(distance))
            m.submodules[f"exponential_{lane}"] = exponential
            seen = held(m, moves, f"seen_{lane}", self.i.p.seen[lane], self.STAGES)
            m.d.comb += [
                exponential.enable.eq(moves),
                exponential.distance.eq(held(m, moves, f"distance_{lane}", distance)),
                self.o.p.data[lane].eq(Mux(seen, exponential.code, 0)),
            ]
        return m


def distance_bits(spec: SoftmaxSpec) -> int:
    """Bits of a distance that still tells codes apart; all ones is far enough for zero."""
    coarser = spec.output.fraction_bits - spec.exponential.fraction_bits
    farthest = max(zero_distance(spec.exponential), zero_distance(spec.output) >> coarser)
    return min(spec.score_bits, farthest.bit_length())


def unit_power(spec: SoftmaxSpec) -> int:
    """``log2(unit)`` of the exponential, as the logarithm's table has it."""
    unit, bits = spec.exponential.unit, spec.reciprocal.fraction_bits
    if unit & (unit - 1):
        raise ValueError(f"exponential.unit must be a power of two in hardware, not {unit}")
    return (unit.bit_length() - 1) << bits


def power_shape(spec: SoftmaxSpec, plan: SoftmaxPlan) -> Shape:
    """Width of ``log2`` of a sum of ``plan.longest`` terms, the largest being 1."""
    return signed(spec.output.fraction_bits + plan.index_bits.bit_length() + 1)
