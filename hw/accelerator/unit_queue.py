"""Instructions of one unit, each held back until those that it names are complete."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import UNITS, instruction_layout
from hw.stream import Queue

COUNTER_BITS = 8
"""Width of the counters of instructions: far more than are ever under way in one unit."""

QUEUE_DEPTH = 8


def waiting_layout() -> data.StructLayout:
    """An instruction, and per unit of number 1 on the completions that it waits for, if any."""
    units = len(UNITS) - 1
    return data.StructLayout({
        "instruction": instruction_layout(),
        "waits": unsigned(units),
        "targets": data.ArrayLayout(unsigned(COUNTER_BITS), units),
    })


class UnitQueue(wiring.Component):
    """First in, first out, and out only when all that it waits for is complete.

    Latency is two cycles, throughput one instruction in two cycles.

    Parameters
    ----------
    depth : instructions that it holds

    Members
    -------
    i : ``waiting_layout``
    completed : per unit from number 1 on, the instructions completed so far, counted modulo 256
    o : instructions
    """

    def __init__(self, depth: int = QUEUE_DEPTH) -> None:
        self.depth = depth
        super().__init__({
            "i": In(stream.Signature(waiting_layout())),
            "completed": In(COUNTER_BITS).array(len(UNITS) - 1),
            "o": Out(stream.Signature(instruction_layout())),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.queue = queue = Queue(waiting_layout(), self.depth)
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        head, free = queue.o.p, Signal()
        complete = Cat(
            ~head.waits[unit] | reached(completed, head.targets[unit])
            for unit, completed in enumerate(self.completed)
        ).all()
        m.d.comb += [
            self.o.valid.eq(free),
            self.o.payload.eq(head.instruction),
            queue.o.ready.eq(self.o.ready & free),
        ]
        m.d.sync += free.eq(queue.o.valid & ~queue.o.ready & (free | complete))
        return m


def reached(completed: Any, target: Any) -> Any:
    """Whether a counter that wraps round has come to ``target``, from half a round before it on."""
    return ~(completed - target)[COUNTER_BITS - 1]
