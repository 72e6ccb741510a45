"""The sequencer: registers, branches, and every other instruction to its unit."""

from itertools import pairwise
from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.dispatch import Dispatch
from hw.accelerator.faults import FAULT_BITS, Fault
from hw.accelerator.fetch import Fetch
from hw.accelerator.layout import (
    FIRST_SLOT,
    SLOTS,
    UNITS,
    instruction_layout,
    read_signature,
)
from hw.accelerator.memory_layout import memory_read_signature

REGISTERS = 16
ALL_ONES = 0xFFFF
"""What register 0 reads as: a count of it is the count's limit."""

SET, ADD, READ, BRANCH, MODIFY, SYNC, END = range(1, 8)
"""Opcodes of the sequencer."""

ALWAYS, EQUAL, DIFFERENT, LESS, NOT_LESS = range(5)
"""Conditions of a branch."""

CHANGES = 4
"""Slots that one ``modify`` changes at most."""

_UNITS = len(UNITS) - 1
_VECTOR = UNITS.index("vector")
_SECOND = 16 * UNITS.index("weights") + 1
"""The one opcode of a unit's second instruction, but for the vector unit's."""


class Sequencer(wiring.Component):
    """Executes a program: ``docs/accelerator.md``, "Instructions" and "0 sequencer".

    An instruction is given to its unit in two cycles, and one more for each changed slot; the
    sequencer's own take two, a taken branch as long as memory takes to answer.

    Members
    -------
    start : begin at ``program``, with ``arguments`` in registers 1 to 4
    memory, memory_size : where instructions are
    words : port to the buffer, for ``read``
    units, completed : as in ``Dispatch``
    ended : the program's end was met and all units are idle
    fault : a code of ``hw.accelerator.faults``
    busy, waits : there is an instruction at hand; it cannot go on
    """

    def __init__(self, word_bytes: int, address_bits: int) -> None:
        self.word_bytes, self.address_bits = word_bytes, address_bits
        super().__init__({
            "start": In(1),
            "program": In(32),
            "arguments": In(32).array(4),
            "memory": Out(memory_read_signature(word_bytes)),
            "memory_size": In(32),
            "words": Out(read_signature(address_bits, word_bytes)),
            "units": Out(stream.Signature(instruction_layout())).array(_UNITS),
            "completed": In(1).array(_UNITS),
            "ended": Out(1),
            "fault": Out(FAULT_BITS),
            "busy": Out(1),
            "waits": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.fetch = fetch = Fetch(self.word_bytes)
        m.submodules.dispatch = dispatch = Dispatch()
        wiring.connect(m, fetch.memory, wiring.flipped(self.memory))
        for index in range(_UNITS):
            wiring.connect(m, dispatch.units[index], wiring.flipped(self.units[index]))
            m.d.comb += dispatch.completed[index].eq(self.completed[index])

        slots = [Signal(32, name=f"slot_{index}", reset_less=True) for index in range(SLOTS)]
        held, leaves = Signal(), Signal()
        with m.If(leaves):
            m.d.sync += held.eq(0)
        with m.If(fetch.o.valid & fetch.o.ready):
            words = data.View(data.ArrayLayout(32, SLOTS), fetch.o.payload)
            m.d.sync += [held.eq(1), *(slot.eq(words[i]) for i, slot in enumerate(slots))]
        registers = [Signal(32, name=f"register_{index}") for index in range(1, REGISTERS)]
        values = Array([Const(ALL_ONES, 32), *registers])
        m.d.comb += [
            fetch.memory_size.eq(self.memory_size),
            fetch.jump.eq(self.start),
            fetch.target.eq(self.program),
            fetch.o.ready.eq(~held),
            self.busy.eq(held),
            self.waits.eq(held & ~leaves),
        ]
        fails = Signal(FAULT_BITS)
        with m.If(self.fault == 0):
            m.d.sync += self.fault.eq(fails)
        with m.If(fetch.exhausted & ~held):
            m.d.comb += fails.eq(Fault.MEMORY)

        changes, pending = self._changes(m)
        opcode = slots[0][:8]
        with m.If(self.start):
            m.d.sync += [
                register.eq(value)
                for register, value in zip(registers, self.arguments, strict=False)
            ]
        with m.Elif(held & (pending != 0) & (self.fault == 0)):
            # Each change takes a cycle, so that one multiplier is enough.
            change = changes[0]
            step = (values[change.register] * change.factor)[:32]
            m.d.sync += [
                pending.eq(pending - 1),
                *(now.eq(later) for now, later in pairwise(changes)),
            ]
            for index, slot in enumerate(slots):
                with m.If(change.slot == index):
                    m.d.sync += slot.eq(slot + step)
        with m.Elif(held & (self.fault == 0)):
            with m.If(opcode[4:] == 0):
                own = self._own(m, fetch, dispatch, slots, registers, values, fails)
                m.d.comb += leaves.eq(own)
                with m.If(own & (opcode == MODIFY)):
                    m.d.sync += pending.eq(slots[0][8:11])
                    for index, change in enumerate(changes):
                        place, factor = slots[FIRST_SLOT + 2 * index : FIRST_SLOT + 2 * index + 2]
                        m.d.sync += [
                            change.slot.eq(place[:4]),
                            change.register.eq(place[4:8]),
                            change.factor.eq(factor),
                        ]
            # Units have one instruction each, but for weights, and the vector unit, which judges
            # its own.
            with m.Elif(
                (opcode == _SECOND)
                | ((opcode[4:] <= _UNITS) & ((opcode[:4] == 0) | (opcode[4:] == _VECTOR)))
            ):
                m.d.comb += [dispatch.i.valid.eq(1), leaves.eq(dispatch.i.ready)]
            with m.Else():
                m.d.comb += fails.eq(Fault.OPCODE)
        self._given(m, dispatch, slots, values)
        return m

    def _changes(self, m: Module) -> tuple[list[Any], Signal]:
        """What a ``modify`` left for the instruction behind it."""
        layout = data.StructLayout({"slot": 4, "register": 4, "factor": 32})
        changes = [Signal(layout, name=f"change_{index}") for index in range(CHANGES)]
        return changes, Signal(range(2 * CHANGES), name="pending")

    def _given(self, m: Module, dispatch: Dispatch, slots: list[Signal], values: Array) -> None:
        """The instruction at hand as its unit sees it: counts instead of their rules."""
        p = dispatch.i.p
        m.d.comb += [
            p.unit.eq(slots[0][4:7]),
            p.instruction.opcode.eq(slots[0][:8]),
            p.instruction.flags.eq(slots[0][8:]),
            *(p.instruction.slots[index].eq(slot) for index, slot in enumerate(slots[FIRST_SLOT:])),
            *(
                p.lags[index].eq(Cat(slots[1], slots[2]).word_select(index, 8))
                for index in range(_UNITS)
            ),
        ]
        for index in range(2):
            register = slots[2].bit_select(24 + 4 * index, 4)
            offset, limit = slots[3 + index][:16], slots[3 + index][16:]
            left = Signal(signed(34), name=f"left_{index}")
            m.d.comb += [
                left.eq(values[register].as_signed() - offset),
                p.instruction.counts[index].eq(
                    Mux(left < 0, 0, Mux(left > limit, limit, left[:16]))
                ),
            ]

    def _own(
        self,
        m: Module,
        fetch: Fetch,
        dispatch: Dispatch,
        slots: list[Signal],
        registers: list[Signal],
        values: Array,
        fails: Signal,
    ) -> Value:
        """The sequencer's own instructions; whether the one at hand is done."""
        done, writes, result = Signal(), Signal(), Signal(32)
        opcode, flags = slots[0][:8], slots[0][8:]
        first, second, third, fourth = slots[FIRST_SLOT : FIRST_SLOT + 4]
        left, right = Signal(signed(32)), Signal(signed(32))
        asked = Signal()
        with m.If(opcode == SET):
            m.d.comb += [writes.eq(1), result.eq(second), done.eq(1)]
        with m.Elif(opcode == ADD):
            m.d.comb += [
                writes.eq(1),
                result.eq(values[second[:4]] + Mux(flags[0], 0, values[third[:4]]) + fourth),
                done.eq(1),
            ]
        with m.Elif(opcode == READ):
            m.d.comb += [
                self.words.requests.valid.eq(dispatch.met & ~asked),
                self.words.words.ready.eq(1),
                writes.eq(self.words.words.valid),
                result.eq(self.words.words.payload[:32]),
                done.eq(self.words.words.valid),
            ]
            with m.If(self.words.requests.valid & self.words.requests.ready):
                m.d.sync += asked.eq(1)
            with m.If(self.words.words.valid):
                m.d.sync += asked.eq(0)
        with m.Elif(opcode == BRANCH):
            condition = flags[1:4]
            m.d.comb += [
                left.eq(values[first[:4]]),
                right.eq(Mux(flags[0], third, values[second[:4]])),
                done.eq(1),
            ]
            equal, less = left == right, left < right
            with m.If(
                (condition == ALWAYS)
                | ((condition == EQUAL) & equal)
                | ((condition == DIFFERENT) & ~equal)
                | ((condition == LESS) & less)
                | ((condition == NOT_LESS) & ~less)
            ):
                m.d.comb += [fetch.jump.eq(1), fetch.target.eq(self.program + fourth)]
            with m.If(condition > NOT_LESS):
                m.d.comb += fails.eq(Fault.FIELD)
        with m.Elif(opcode == MODIFY):
            with m.If(flags[:3] > CHANGES):
                m.d.comb += fails.eq(Fault.FIELD)
            with m.Else():
                m.d.comb += done.eq(1)
        with m.Elif(opcode == SYNC):
            m.d.comb += done.eq(dispatch.idle)
        with m.Elif(opcode == END):
            m.d.comb += self.ended.eq(dispatch.idle)
        with m.Else():
            m.d.comb += fails.eq(Fault.OPCODE)
        m.d.comb += self.words.requests.payload.eq(second)
        for index, register in enumerate(registers, 1):
            with m.If(writes & (first[:4] == index)):
                m.d.sync += register.eq(result)
        return done
