"""Scores of a block of keys, and P' of one after the other: the softmax of vector lanes."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from hw.ops.exponential import Exponential
from hw.pipeline import held


class KeyCodes(wiring.Component):
    """``m' = max(m, floor(x) + 1)`` over a block, then ``P' = 2**-(m' - x)`` of each of its keys.

    Scores are kept until the block is complete. Then the first code comes after ``STAGES`` steps,
    one more with each further step. A key that is not seen has the code 0.

    Members
    -------
    valid, score, seen, ends : a score that is kept; the block ends with it
    step : on to the next code
    code : P'
    rise : how far ``m`` was above that of the blocks before, a cycle ago
    over : the block's codes have been taken
    clear : a new query, whose largest score is the smallest integer
    """

    STAGES = 2 + Exponential.STAGES

    def __init__(self, spec: AttentionSpec) -> None:
        self.spec = spec
        bits = spec.requantize.output_bits
        super().__init__({
            "valid": In(1),
            "score": In(signed(bits)),
            "seen": In(1),
            "ends": In(1),
            "step": In(1),
            "code": Out(spec.probability_bits),
            "rise": Out(bits - spec.score_fraction_bits),
            "over": In(1),
            "clear": In(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec = self.spec
        bits, fraction_bits = spec.requantize.output_bits, spec.score_fraction_bits
        depth = spec.key_block
        m.submodules.scores = scores = Memory(
            shape=data.StructLayout({"score": signed(bits), "seen": 1}), depth=depth, init=[]
        )
        write, read = scores.write_port(), scores.read_port()
        written, ahead = Signal(range(depth)), Signal(range(depth))
        # Integer parts of scores: one below m.
        whole = self.score[fraction_bits:].as_signed()
        largest, before = Signal.like(whole), Signal.like(whole)
        m.d.comb += [
            write.en.eq(self.valid),
            write.addr.eq(written),
            write.data.score.eq(self.score),
            write.data.seen.eq(self.seen),
            read.en.eq(self.step),
            read.addr.eq(ahead),
        ]
        m.d.sync += self.rise.eq(largest - before)
        with m.If(self.valid):
            m.d.sync += written.eq(Mux(self.ends, 0, written + 1))
            with m.If(self.seen & (whole > largest)):
                m.d.sync += largest.eq(whole)
        with m.If(self.step):
            m.d.sync += ahead.eq(ahead + 1)
        with m.If(self.over):
            m.d.sync += [ahead.eq(0), before.eq(largest)]
        with m.If(self.clear):
            lowest = -(1 << (len(whole) - 1))
            m.d.sync += [largest.eq(lowest), before.eq(lowest)]

        m.submodules.exponential = exponential = Exponential(spec.exponential, bits + 1)
        distance = ((largest + 1) << fraction_bits) - read.data.score
        seen = held(m, self.step, "seen_later", read.data.seen, 1 + Exponential.STAGES)
        m.d.comb += [
            exponential.enable.eq(self.step),
            exponential.distance.eq(held(m, self.step, "distance", distance[: bits + 1])),
            self.code.eq(Mux(seen, exponential.code[: spec.probability_bits], 0)),
        ]
        return m
