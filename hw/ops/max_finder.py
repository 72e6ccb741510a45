"""The largest value of a row and where it stands, by a tree of comparators."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.ops.plan import MaxFinderPlan
from hw.pipeline import Pipeline, held
from hw.platform import Shared


def masked_row_layout(shape: Shape, lanes: int) -> data.StructLayout:
    """One beat of a row: ``lanes`` elements, which of them count, whether the row ends with it."""
    return data.StructLayout({
        "data": data.ArrayLayout(shape, lanes),
        "seen": unsigned(lanes),
        "last": unsigned(1),
    })


def largest_layout(bits: int, index_bits: int) -> data.StructLayout:
    """The largest value, its lowest index, and whether anything was seen at all."""
    return data.StructLayout({
        "value": signed(bits),
        "index": unsigned(index_bits),
        "any": unsigned(1),
    })


class MaxTree(Shared):
    """The largest of ``lanes`` signed values that are seen; of equals the lowest lane.

    Latency is ``plan.stages`` enabled cycles, throughput one group in each. Without a seen value
    the result is the smallest integer, in lane 0.

    Members
    -------
    enable : all stages move
    data, seen : ``lanes`` values and which of them count
    largest : the result
    """

    def __init__(self, bits: int, plan: MaxFinderPlan) -> None:
        self.bits, self.plan = bits, plan
        lane_bits = max(1, (plan.lanes - 1).bit_length())
        self.key = f"max_tree_{plan.lanes}x{bits}_r{plan.radix}_s{plan.levels_per_stage}"
        super().__init__({
            "enable": In(1),
            "data": In(data.ArrayLayout(signed(bits), plan.lanes)),
            "seen": In(plan.lanes),
            "largest": Out(largest_layout(bits, lane_bits)),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        radix, lane_bits = self.plan.radix, len(self.largest.index)
        # Below anything that is seen; offset binary, so that keys compare unsigned.
        keys: list[Value] = [
            Cat(x[:-1], ~x[-1], seen) & Cat(seen.replicate(self.bits), Const(1, 1))
            for x, seen in zip(self.data, self.seen, strict=True)
        ]
        lanes: list[Value] = [Const(lane, lane_bits) for lane in range(self.plan.lanes)]
        for level in range(self.plan.levels):
            groups = range(0, len(keys), radix)
            chosen = [
                _choose(m, f"{level}_{g}", keys[g : g + radix], lanes[g : g + radix])
                for g in groups
            ]
            ends = level == self.plan.levels - 1 or (level + 1) % self.plan.levels_per_stage == 0
            if ends:
                chosen = [
                    (
                        held(m, self.enable, f"key_{level}_{g}", key),
                        held(m, self.enable, f"lane_{level}_{g}", lane),
                    )
                    for g, (key, lane) in enumerate(chosen)
                ]
            keys, lanes = [key for key, _ in chosen], [lane for _, lane in chosen]
        key = keys[0]
        m.d.comb += [
            self.largest.value.eq(Cat(key[: self.bits - 1], ~key[self.bits - 1])),
            self.largest.any.eq(key[-1]),
            self.largest.index.eq(lanes[0]),
        ]
        return m


class MaxFinder(wiring.Component):
    """``o = max(i.data where i.seen)`` of each row, and its lowest index.

    Latency is the tree's stages and one cycle from the row's last beat; throughput one beat of
    ``lanes`` elements per cycle, rows back to back. A row without a seen element gives the smallest
    integer, with ``any`` low.

    Parameters
    ----------
    bits : width of an element
    plan : lanes, radix and registers of the tree
    index_bits : width of the index; rows have up to ``2**index_bits`` elements

    Members
    -------
    i : :py:`In(stream.Signature(masked_row_layout(signed(bits), plan.lanes)))`
    o : :py:`Out(stream.Signature(largest_layout(bits, index_bits)))`
    """

    def __init__(self, bits: int, plan: MaxFinderPlan, index_bits: int = 16) -> None:
        self.bits, self.plan, self.index_bits = bits, plan, index_bits
        super().__init__({
            "i": In(stream.Signature(masked_row_layout(signed(bits), plan.lanes))),
            "o": Out(stream.Signature(largest_layout(bits, index_bits))),
        })

    @property
    def latency(self) -> int:
        """Cycles from the transfer of a row's last beat to its result."""
        return self.plan.stages + 1

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.tree = tree = MaxTree(self.bits, self.plan)
        # The result leaves when the row's last beat does, so the row so far needs no handshake.
        beats = stream.Signature(unsigned(1)).create()
        pipeline = Pipeline(m, self.i, beats, self.plan.stages)
        last = held(m, pipeline.moves, "last", self.i.p.last, self.plan.stages)
        m.d.comb += [
            tree.enable.eq(pipeline.moves),
            tree.data.eq(self.i.p.data),
            tree.seen.eq(self.i.p.seen),
        ]
        best = Signal(largest_layout(self.bits, self.index_bits))
        start = Signal(init=1)
        place = Signal(self.index_bits)
        found = tree.largest
        better = start | (found.any & (~best.any | (found.value > best.value)))
        takes = Signal()
        m.d.comb += [
            beats.ready.eq(~self.o.valid | self.o.ready),
            takes.eq(beats.valid & beats.ready),
            self.o.payload.eq(best),
        ]
        with m.If(beats.ready):
            m.d.sync += self.o.valid.eq(beats.valid & last)
        with m.If(takes):
            m.d.sync += [start.eq(last), place.eq(Mux(last, 0, place + self.plan.lanes))]
            with m.If(better):
                index = Mux(found.any, place, 0) + found.index
                m.d.sync += [best.value.eq(found.value), best.any.eq(found.any)]
                m.d.sync += best.index.eq(index)
        return m


def _choose(m: Module, name: str, keys: list[Value], lanes: list[Value]) -> tuple[Value, Value]:
    """The largest key, and the lane that it came from: of equals the first."""
    wins = []
    for own in range(len(keys)):
        beats = [keys[own] > key for key in keys[:own]]
        beats += [keys[own] >= key for key in keys[own + 1 :]]
        win = Signal(name=f"wins_{name}_{own}")
        m.d.comb += win.eq(Cat(beats).all() if beats else 1)
        wins.append(win)
    key = Signal(keys[0].shape(), name=f"best_{name}")
    lane = Signal(len(lanes[0]), name=f"lane_{name}")
    for win, one, place in zip(wins, keys, lanes, strict=True):
        with m.If(win):
            m.d.comb += [key.eq(one), lane.eq(place)]
    return key, lane
