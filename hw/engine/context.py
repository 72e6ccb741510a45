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
from hw.ops.rounding import rounded
from hw.pipeline import held


def sums_layout(spec: AttentionSpec, plan: EnginePlan) -> data.ArrayLayout:
    """A sum of each column."""
    return data.ArrayLayout(signed(plan.context_bits(spec)), spec.key_block)


class Context(wiring.Component):
    """``addend = round(context * 2**-places)``, and the contexts in memory.

    Throughput is one group of ``key_block`` elements per cycle.

    Members
    -------
    read : command whose context is read
    places : what this is shifted by, one cycle later
    addend : the shifted context, or 0, ``STAGES`` cycles after ``read``
    write, write_command, sums : a sum of the array that is kept
    """

    STAGES = 2

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
        none = held(m, ALWAYS, "none", self.read.fresh | ~self.read.context)
        for column, (old, addend) in enumerate(zip(read.data, self.addend, strict=True)):
            shifted = rounded(old, self.places)[: len(old)].as_signed()
            m.d.comb += addend.eq(held(m, ALWAYS, f"shifted_{column}", Mux(none, 0, shifted)))
        return m
