"""The vector unit: an instruction at a time, a beat a cycle through a chain of stages."""

from hw.accelerator.plan import AcceleratorPlan
from hw.accelerator.vector.bounds import Bounds
from hw.accelerator.vector.chain import Chain
from hw.accelerator.vector.combiner import Combiner
from hw.accelerator.vector.fields import Combine, Scale
from hw.accelerator.vector.rescaler import Rescaler
from hw.accelerator.vector.statistics import Statistics
from hw.accelerator.vector.tables import Tables
from hw.ops.plan import QuantizeRowsPlan
from hw.ops.quantize_rows import QuantizeRows
from hw.ops.row_moments import RowMoments
from hw.ops.softmax import Softmax
from hw.program.instructions import Instruction
from sim.accelerator.timing.kernel import Clock, Process
from sim.accelerator.timing.station import Given, Station
from sim.accelerator.timing.transfers import READ, WRITE

MEASURES = {Scale.LAYER_NORM, Scale.L2_NORMALIZE}
OPERANDS_OF: dict[int, int] = {Combine.PASS: 1, Combine.GRU: 3, Combine.CELL: 3}
"""Rows that are read at a time; two where nothing else is said."""

STRIDES = ("a_stride", "b_stride", "c_stride", "result_stride", "codes_stride")


class VectorTiming:
    """Each instruction starts when the one before it is complete and has left the chain."""

    def __init__(self, clock: Clock, station: Station, plan: AcceleratorPlan) -> None:
        self.clock, self.station, self.units = clock, station, plan.vector_units
        self.plan, self.banks = plan.vector_plan, plan.machine.banks
        clock.start(self._run())

    def _run(self) -> Process:
        free = 0.0
        while True:
            given = yield from self.station.take()
            yield self.clock.until(max(free, self.clock.now + 1))
            given.begin = self.clock.now
            moved, chain = self.cycles(given)
            if moved:
                # Bounds are told while the first words are read.
                free = self.clock.now + max(moved + chain, Bounds.latency + 1)
                # Several units are told when all of them are done.
                self.station.complete(given, moved, free + 1)
                if self.units > 1:
                    free += 2
            else:
                self.station.complete(given, 0.0, self.clock.now + 1)
                free = self.clock.now + 1

    def cycles(self, given: Given) -> tuple[float, float]:
        """Cycles that beats take at the narrowest place, and all others until it is complete."""
        one, (rows, length) = given.one, given.counts
        if one.name in {"channels", "table"}:
            entries = one["columns"] or one["segments"]
            words = -(-8 * entries // self.plan.word_bytes)
            # A segment a cycle, but a whole word of channel numbers.
            moved = float(entries if one.name == "table" else words) if rows else 0.0
            return moved, READ + 2
        elements = length if one["counted"] else one["elements"]
        if not rows or not elements or (one.name == "reduce" and not length):
            return 0.0, 0.0
        beats = -(-elements // self.plan.lanes)
        if self._shared(one):
            rows = -(-rows // self.units)
        # Words of c and d come one after the other.
        beats += -(-elements // self.plan.word_lanes) if one["combine"] == Combine.CELL else 0
        cycles = self._row_cycles(one, beats, elements)
        if one.name == "reduce":
            cycles = max(cycles, length * beats)
        moved = (rows - 1) * cycles + (length * beats if one.name == "reduce" else beats)
        return moved, self._chain(one, beats)

    def _shared(self, one: Instruction) -> bool:
        """Whether all units take rows of it."""
        far = any(one[name] * self.units >> 16 for name in STRIDES)
        return one.name == "rows" and not one["causal"] and not far

    def _row_cycles(self, one: Instruction, beats: int, elements: int) -> float:
        """Of a row in a stream of rows: of the operand, the outputs, the moments, the ranks."""
        codes = -(-elements // self.plan.word_bytes) if one["write_codes"] else 0
        results = one["write_rows"] or one["argmax"] or one["top_k"]
        header = 1 if one["write_codes"] and one["header"] and results else 0
        words = -(-elements // self.plan.word_lanes)
        cycles: list[float] = [codes + header, beats, words * self._conflicts(one)]
        if one["scale"] in MEASURES:
            cycles.append((RowMoments.cycles(self.plan.norm) + 1) / self.plan.units)
        if one["top_k"]:
            cycles.append(elements)
        return max(cycles)

    def _conflicts(self, one: Instruction) -> float:
        """Cycles of a word where several operands meet in the buffer's banks, by chance.

        P requests find ``B * (1 - (1 - 1/B)**P)`` of B banks. Rows of one operand do not meet: they
        are an odd number of words apart.
        """
        operands = OPERANDS_OF.get(one["combine"], 2)
        if operands == 1:
            return 1.0
        requests = operands * (self.units if self._shared(one) else 1)
        return requests / (self.banks * (1 - (1 - 1 / self.banks) ** requests))

    def _chain(self, one: Instruction, beats: int) -> float:
        """From the first word asked for to the last one written, without the beats themselves."""
        plan = self.plan
        cycles = READ + 2 + Combiner.STAGES + Chain.RELAYS + Tables.STAGES
        if one["scale"] == Scale.SOFTMAX and plan.softmax is not None:
            cycles += Softmax.latency(plan.softmax, plan.softmax_plan) + 2 * beats
        else:
            cycles += Rescaler.STAGES
        if one["scale"] in MEASURES:
            cycles += Statistics.latency(plan) + beats - 1
        codes = 0
        if one["write_codes"]:
            codes = 1 + int(bool(one["header"]))
            if not one["low_bits"]:
                quantize = QuantizeRowsPlan(lanes=plan.lanes, longest=plan.longest)
                codes += QuantizeRows.latency_of(quantize) + beats - 1
        ranks = 0
        if one["argmax"]:
            ranks = plan.max_finder.stages + 2
        elif one["top_k"]:
            ranks = one["k"] + 1
        return cycles + max(codes, ranks) + WRITE - 1
