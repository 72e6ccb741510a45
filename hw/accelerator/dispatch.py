"""Gives instructions to the queues of their units, with what each has to wait for."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import UNITS, instruction_layout
from hw.accelerator.unit_queue import COUNTER_BITS, QUEUE_DEPTH, UnitQueue

_UNITS = len(UNITS) - 1
FREE_LAG = (1 << COUNTER_BITS) - 1
"""The lag that waits for nothing."""


def lagging_layout() -> data.StructLayout:
    """An instruction for one of ``units``, bit 0 for number 1, and its lag to each unit."""
    return data.StructLayout({
        "units": unsigned(_UNITS),
        "instruction": instruction_layout(),
        "lags": data.ArrayLayout(unsigned(COUNTER_BITS), _UNITS),
    })


class Dispatch(wiring.Component):
    """Counts, per unit, what was given to it and what it completed; lags become counts to wait for.

    An instruction with lag k to a unit waits until all but the last k of those are complete that
    were given to the unit before it. What that means is worked out of the lags ahead: they have to
    stand for two cycles before ``i.valid`` is 1 or ``met`` tells anything.

    Members
    -------
    i : instructions with their lags
    completed : a unit's pulses
    units : instructions for each unit, when what they wait for is complete
    met : what the lags of ``i``'s payload ask for is complete
    idle : everything was complete a cycle ago
    """

    def __init__(self, depth: int = QUEUE_DEPTH) -> None:
        self.depth = depth
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
        targets = Signal(data.ArrayLayout(COUNTER_BITS, _UNITS))
        for index, unit in enumerate(UNITS[1:]):
            lag, under_way = p.lags[index], Signal(COUNTER_BITS, name=f"{unit}_under_way")
            m.d.sync += [
                completed[index].eq(completed[index] + self.completed[index]),
                # One cycle old: what has been completed since is found to be so by the queue.
                under_way.eq(given[index] - completed[index]),
                waits[index].eq((lag < under_way) & (lag != FREE_LAG)),
                targets[index].eq(given[index] - lag),
            ]
            m.submodules[f"{unit}_queue"] = queue = UnitQueue(self.depth)
            wiring.connect(m, queue.o, wiring.flipped(self.units[index]))
            m.d.comb += [
                queue.i.valid.eq(self.i.valid & p.units[index]),
                queue.i.p.instruction.eq(p.instruction),
                queue.i.p.waits.eq(waits),
                queue.i.p.targets.eq(targets),
                *(queue.completed[other].eq(count) for other, count in enumerate(completed)),
            ]
            with m.If(queue.i.valid & queue.i.ready):
                m.d.sync += given[index].eq(given[index] + 1)
            queues.append(queue)
        rooms = Cat(queue.i.ready for queue in queues)
        m.d.comb += [
            self.i.ready.eq((rooms & p.units).any()),
            self.met.eq(~waits.any()),
        ]
        idle = Cat(g == c for g, c in zip(given, completed, strict=True)).all()
        m.d.sync += self.idle.eq(idle)
        return m
