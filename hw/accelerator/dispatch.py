"""Gives instructions to the queues of their units, with what each has to wait for."""

from typing import Any

from amaranth.hdl import Array, Cat, Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import UNITS, instruction_layout
from hw.accelerator.unit_queue import COUNTER_BITS, UnitQueue

_UNITS = len(UNITS) - 1
FREE_LAG = (1 << COUNTER_BITS) - 1
"""The lag that waits for nothing."""


def lagging_layout() -> data.StructLayout:
    """An instruction for ``unit`` (1 for the first), and its lag to each unit."""
    return data.StructLayout({
        "unit": unsigned(3),
        "instruction": instruction_layout(),
        "lags": data.ArrayLayout(unsigned(COUNTER_BITS), _UNITS),
    })


class Dispatch(wiring.Component):
    """Counts, per unit, what was given to it and what it completed; lags become counts to wait for.

    An instruction with lag k to a unit waits until all but the last k of those are complete that
    were given to the unit before it. Throughput is one instruction a cycle.

    Members
    -------
    i : instructions with their lags
    completed : a unit's pulses
    units : instructions for each unit, when what they wait for is complete
    met : what the lags of ``i``'s payload ask for is complete now
    idle : everything is complete
    """

    def __init__(self) -> None:
        super().__init__({
            "i": In(stream.Signature(lagging_layout())),
            "completed": In(1).array(_UNITS),
            "units": Out(stream.Signature(instruction_layout())).array(_UNITS),
            "met": Out(1),
            "idle": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        given = [Signal(COUNTER_BITS, name=f"given_{unit}") for unit in UNITS[1:]]
        completed = [Signal(COUNTER_BITS, name=f"completed_{unit}") for unit in UNITS[1:]]
        p = self.i.p
        waits, queues = Signal(_UNITS), []
        for index, unit in enumerate(UNITS[1:]):
            lag = p.lags[index]
            under_way = (given[index] - completed[index])[:COUNTER_BITS]
            m.d.comb += waits[index].eq((lag < under_way) & (lag != FREE_LAG))
            m.d.sync += completed[index].eq(completed[index] + self.completed[index])
            m.submodules[f"{unit}_queue"] = queue = UnitQueue()
            wiring.connect(m, queue.o, wiring.flipped(self.units[index]))
            m.d.comb += [
                queue.i.valid.eq(self.i.valid & (p.unit == index + 1)),
                queue.i.p.instruction.eq(p.instruction),
                queue.i.p.waits.eq(waits),
                *(queue.completed[other].eq(count) for other, count in enumerate(completed)),
                *(
                    queue.i.p.targets[other].eq(given[other] - p.lags[other])
                    for other in range(_UNITS)
                ),
            ]
            with m.If(queue.i.valid & queue.i.ready):
                m.d.sync += given[index].eq(given[index] + 1)
            queues.append(queue)
        rooms = Array([0, *(queue.i.ready for queue in queues), 0])
        m.d.comb += [
            self.i.ready.eq(rooms[p.unit]),
            self.met.eq(~waits.any()),
            self.idle.eq(Cat(g == c for g, c in zip(given, completed, strict=True)).all()),
        ]
        return m
