"""The accelerator without what computes: sequencer, load, store and buffer behind its two buses.

It takes seconds to build where the whole machine takes minutes, and has every path to memory.
"""

from typing import Any

from amaranth.hdl import Cat, ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hw.accelerator import registers
from hw.accelerator.axi import connect_master, connect_slave, master_members, slave_members
from hw.accelerator.buffer import BankedBuffer
from hw.accelerator.control import Control
from hw.accelerator.layout import UNITS
from hw.accelerator.load_unit import LoadUnit
from hw.accelerator.memory_port import MemoryPort
from hw.accelerator.sequencer import Sequencer
from hw.accelerator.store_unit import StoreUnit

INNER = "unit"


class Mover(wiring.Component):
    """Ports and programs of ``hw.accelerator.accelerator.Accelerator``, of two units only."""

    def __init__(self, *, word_bytes: int, bus_bytes: int, buffer_words: int = 256) -> None:
        self.word_bytes, self.bus_bytes, self.buffer_words = word_bytes, bus_bytes, buffer_words
        super().__init__({
            **master_members(bus_bytes),
            **slave_members(registers.ADDRESS_BITS),
            "interrupt": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.control = control = Control(
            configuration=0, word_bytes=self.word_bytes, cores=0, bus_bytes=self.bus_bytes
        )
        m.domains += ClockDomain(INNER, local=True)
        m.d.comb += [
            ClockSignal(INNER).eq(ClockSignal()),
            ResetSignal(INNER).eq(control.resets),
            self.interrupt.eq(control.interrupt),
        ]
        sizes = (self.buffer_words, self.word_bytes)
        sequencer = Sequencer(self.word_bytes, (self.buffer_words - 1).bit_length())
        load, store = LoadUnit(*sizes), StoreUnit(*sizes)
        memory = MemoryPort(self.word_bytes, self.bus_bytes)
        buffer = BankedBuffer(*sizes, reads=3, writes=1)
        inner = DomainRenamer(INNER)
        for name, part in (
            ("sequencer", sequencer),
            ("load", load),
            ("store", store),
            ("memory", memory),
            ("buffer", buffer),
        ):
            m.submodules[name] = inner(part)
        connect_slave(m, self, control.bus)
        connect_master(m, self, memory.bus)
        for client, port in (
            (sequencer.memory, memory.fetch),
            (load.memory, memory.load),
            (store.memory, memory.store),
            (sequencer.words, buffer.reads[0]),
            (load.ids, buffer.reads[1]),
            (store.port, buffer.reads[2]),
            (load.port, buffer.writes[0]),
            (sequencer.units[0], load.instructions),
            (sequencer.units[1], store.instructions),
        ):
            wiring.connect(m, client, port)
        m.d.comb += [
            sequencer.start.eq(control.start),
            sequencer.program.eq(control.program),
            sequencer.memory_size.eq(control.memory_size),
            *(sequencer.arguments[i].eq(x) for i, x in enumerate(control.arguments)),
            memory.base.eq(control.memory_base),
            memory.size.eq(control.memory_size),
            memory.halt.eq(control.halt),
            control.drained.eq(memory.drained),
            control.ended.eq(sequencer.ended),
            control.faults[0].eq(sequencer.fault),
            control.faults[len(UNITS)].eq(memory.fault),
            control.counted[0].eq(Cat(sequencer.busy, sequencer.waits)),
            control.read_beats.eq(memory.read_beat),
            control.written_beats.eq(memory.written_beat),
            control.progress.eq(
                load.completed | store.completed | memory.read_beat | memory.written_beat
            ),
        ]
        for number, unit in enumerate((load, store)):
            m.d.comb += [
                sequencer.completed[number].eq(unit.completed),
                control.faults[number + 1].eq(unit.fault),
                control.counted[number + 1].eq(
                    Cat(unit.busy, unit.input_stalled, unit.output_stalled, unit.memory_stalled)
                ),
            ]
        return m
