"""The accelerator: units around one buffer, behind AXI4 and AXI4-Lite."""

import hashlib
from typing import Any

from amaranth.hdl import Cat, ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hw.accelerator import registers
from hw.accelerator.axi import connect_master, connect_slave, master_members, slave_members
from hw.accelerator.buffer import BankedBuffer
from hw.accelerator.control import Control
from hw.accelerator.core_unit import CoreUnit
from hw.accelerator.engine_unit import EngineUnit
from hw.accelerator.layout import UNITS
from hw.accelerator.load_unit import LoadUnit
from hw.accelerator.memory_port import MemoryPort
from hw.accelerator.plan import AcceleratorPlan
from hw.accelerator.sequencer import Sequencer
from hw.accelerator.store_unit import StoreUnit
from hw.accelerator.vector.units import VectorUnits
from hw.accelerator.weight_unit import WeightUnit

INNER = ("memory", "buffer", *UNITS)
"""Clock domains of all but the control registers: they are reset after every program."""


class Accelerator(wiring.Component):
    """Runs programs from memory: ``docs/accelerator.md``.

    Members
    -------
    m_axi_... : AXI4 master, flat ports by the standard's names
    s_axi_... : AXI4-Lite slave (``hw.accelerator.registers``)
    interrupt : a program ended, or failed; level, until cleared
    """

    def __init__(self, plan: AcceleratorPlan) -> None:
        self.plan = plan
        super().__init__({
            **master_members(plan.machine.bus_bytes),
            **slave_members(registers.ADDRESS_BITS),
            "interrupt": Out(1),
        })

    @property
    def configuration(self) -> int:
        """32 bits of a hash of the plan: what a program's image was compiled for."""
        digest = hashlib.sha256(repr(self.plan.machine).encode()).digest()
        return int.from_bytes(digest[:4], "little")

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan, machine = self.plan, self.plan.machine
        m.submodules.control = control = Control(
            configuration=self.configuration,
            word_bytes=machine.word_bytes,
            cores=machine.cores,
            bus_bytes=machine.bus_bytes,
            parts=len(INNER),
        )
        for name, reset in zip(INNER, control.resets, strict=True):
            m.domains += ClockDomain(name, local=True)
            m.d.comb += [ClockSignal(name).eq(ClockSignal()), ResetSignal(name).eq(reset)]
        m.d.comb += self.interrupt.eq(control.interrupt)
        connect_slave(m, self, control.bus)

        memory = MemoryPort(machine.word_bytes, machine.bus_bytes, plan.latency)
        sequencer = Sequencer(machine.word_bytes, plan.address_bits, plan.queue_depth)
        units: dict[str, Any] = {
            "load": LoadUnit(machine.buffer_words, machine.word_bytes),
            "store": StoreUnit(machine.buffer_words, machine.word_bytes),
            "weights": WeightUnit(
                plan.core_spec, plan.core_plan, machine.cores, machine.buffer_words
            ),
            "cores": CoreUnit(
                plan.core_spec,
                plan.core_plan,
                machine.cores,
                plan.address_bits,
                plan.result_ports,
            ),
            "vector": VectorUnits(plan.vector_plan, plan.vector_units),
            "engine": EngineUnit(plan.attention_spec, plan.engine_plan, plan.address_bits),
        }
        m.submodules.memory = DomainRenamer("memory")(memory)
        m.submodules.sequencer = DomainRenamer("sequencer")(sequencer)
        for name, unit in units.items():
            m.submodules[name] = DomainRenamer(name)(unit)
        connect_master(m, self, memory.bus)
        wiring.connect(m, sequencer.memory, memory.fetch)
        wiring.connect(m, units["load"].memory, memory.load)
        wiring.connect(m, units["weights"].memory, memory.weights)
        wiring.connect(m, units["store"].memory, memory.store)
        wiring.connect(m, units["weights"].weights, units["cores"].weights)
        wiring.connect(m, units["weights"].channels, units["cores"].channels)

        vector = units["vector"]
        reads = [
            sequencer.words,
            units["load"].ids,
            units["store"].port,
            units["cores"].codes,
            units["cores"].scales,
            *vector.reads,
            units["engine"].queries,
            units["engine"].keys,
            units["weights"].codes,
        ]
        writes = [
            units["load"].port,
            *units["cores"].results,
            *vector.writes,
            units["engine"].contexts,
        ]
        buffer = BankedBuffer(
            machine.buffer_words,
            machine.word_bytes,
            reads=len(reads),
            writes=len(writes),
            banks=machine.banks,
        )
        m.submodules.buffer = DomainRenamer("buffer")(buffer)
        for ports, places in ((reads, buffer.reads), (writes, buffer.writes)):
            for port, place in zip(ports, places, strict=True):
                wiring.connect(m, port, place)
        self._control(m, control, memory, sequencer, units)
        return m

    def _control(
        self,
        m: Module,
        control: Control,
        memory: MemoryPort,
        sequencer: Sequencer,
        units: dict[str, Any],
    ) -> None:
        """Start, end, faults and what is counted."""
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
        ]
        completed = []
        for index, name in enumerate(UNITS[1:]):
            unit = units[name]
            wiring.connect(m, sequencer.units[index], unit.instructions)
            stalled = getattr(unit, "memory_stalled", 0)
            m.d.comb += [
                sequencer.completed[index].eq(unit.completed),
                control.faults[index + 1].eq(unit.fault),
                control.counted[index + 1].eq(
                    Cat(unit.busy, unit.input_stalled, unit.output_stalled, stalled)
                ),
            ]
            completed.append(unit.completed)
        m.d.comb += control.progress.eq(
            Cat(completed).any() | memory.read_beat | memory.written_beat
        )
