"""The contexts of a job's queries: block by block they grow, or wait for the next block."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from hw.engine.layout import command_layout
from hw.engine.plan import EnginePlan
from hw.engine.rescale import ALWAYS, places_shape
from hw.ops.rounding import half_up, shifted_right
from hw.pipeline import held


def sums_layout(spec: AttentionSpec, plan: EnginePlan) -> data.ArrayLayout:
    """A sum of each column."""
    return data.ArrayLayout(signed(plan.context_bits(spec)), spec.key_block)


class Context(wiring.Component):
    """``addend = round(context * 2**-places)``, and the contexts in memory.

    A context is read, kept, shifted and rounded, each in a cycle.
    Throughput is one group of ``key_block`` elements per cycle.

    Members
    -------
    read : command whose context is read
    places : what this is shifted by, one cycle later
    addend : the shifted context, or 0, ``STAGES`` cycles after ``read``
    write, write_command, sums : a sum of the array that is kept
    """

    STAGES = 4

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        sums = sums_layout(spec, plan)
        super().__init__({
            "read": In(command_layout(spec, plan)),
            "places": In(places_shape(spec, plan)),
            "addend": Out(sums),
            "write": In(1),
            "write_command": In(command_layout(spec, plan)),
            "sums": In(sums),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        rows = self.plan.row_bits + self.plan.group_bits(self.spec)
        m.submodules.memory = memory = Memory(shape=self.sums.shape(), depth=1 << rows, init=[])
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(Cat(self.write_command.group, self.write_command.row)),
            write.data.eq(self.sums),
            read.addr.eq(Cat(self.read.group, self.read.row)),
        ]
        none = held(m, ALWAYS, "none", self.read.fresh | ~self.read.context, self.STAGES - 1)
        places = held(m, ALWAYS, "late_places", self.places)
        for column, (old, addend) in enumerate(zip(read.data, self.addend, strict=True)):
            kept = held(m, ALWAYS, f"kept_{column}", old)
            shifted = held(m, ALWAYS, f"shifted_{column}", shifted_right(kept, places))
            new = Mux(none, 0, half_up(shifted)[: len(old)].as_signed())
            m.d.comb += addend.eq(held(m, ALWAYS, f"rounded_{column}", new))
        return m
