"""The sequencer: registers, branches, and every other instruction to its unit."""

from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.changes import CHANGES, Changes
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
from hw.accelerator.register_file import RegisterFile
from hw.accelerator.unit_queue import QUEUE_DEPTH

SET, ADD, READ, BRANCH, MODIFY, SYNC, END = range(1, 8)
"""Opcodes of the sequencer."""

ALWAYS, EQUAL, DIFFERENT, LESS, NOT_LESS = range(5)
"""Conditions of a branch."""

STEPS = 5
"""Cycles of an instruction at hand; in the last one it is carried out."""

_UNITS = len(UNITS) - 1
_VECTOR = UNITS.index("vector")
_SECOND = 16 * UNITS.index("weights") + 1
"""The one opcode of a unit's second instruction, but for the vector unit's."""


class Sequencer(wiring.Component):
    """Executes a program: ``docs/accelerator.md``, "Instructions" and "0 sequencer".

    An instruction is given to its unit in six cycles, and four more and one for each changed slot;
    the sequencer's own take as many, ``set`` and ``modify`` three, a taken branch as long as memory
    takes to answer, and the first one waits until the registers have been filled.

    Parameters
    ----------
    queue_depth : instructions that wait for each unit

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

    def __init__(self, word_bytes: int, address_bits: int, queue_depth: int = QUEUE_DEPTH) -> None:
        self.word_bytes, self.address_bits = word_bytes, address_bits
        self.queue_depth = queue_depth
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
        m.submodules.dispatch = dispatch = Dispatch(self.queue_depth)
        m.submodules.changes = changes = Changes()
        m.submodules.registers = registers = RegisterFile()
        wiring.connect(m, fetch.memory, wiring.flipped(self.memory))
        for index in range(_UNITS):
            wiring.connect(m, dispatch.units[index], wiring.flipped(self.units[index]))
            m.d.comb += dispatch.completed[index].eq(self.completed[index])

        slots = [Signal(32, name=f"slot_{index}", reset_less=True) for index in range(SLOTS)]
        held, goes, leaves = Signal(), Signal(), Signal()
        steps = Signal(STEPS, init=1)
        with m.If(leaves):
            m.d.sync += [held.eq(0), steps.eq(1)]
        with m.Elif(goes & ~steps[-1]):
            m.d.sync += steps.eq(steps << 1)
        with m.If(fetch.o.valid & fetch.o.ready):
            words = data.View(data.ArrayLayout(32, SLOTS), fetch.o.payload)
            m.d.sync += [held.eq(1), *(slot.eq(words[i]) for i, slot in enumerate(slots))]
        fails, failed = Signal(FAULT_BITS), Signal()
        with m.If((fails != 0) & ~failed):
            m.d.sync += [failed.eq(1), self.fault.eq(fails)]
        with m.If(fetch.exhausted & ~held):
            m.d.comb += fails.eq(Fault.MEMORY)
        m.d.comb += [
            fetch.memory_size.eq(self.memory_size),
            fetch.jump.eq(self.start),
            fetch.target.eq(self.program),
            fetch.o.ready.eq(~held & ~registers.busy),
            goes.eq(held & ~changes.busy & ~failed),
            changes.moves.eq(held & ~failed),
            registers.start.eq(self.start),
            *(registers.arguments[index].eq(one) for index, one in enumerate(self.arguments)),
            registers.reads.eq(held),
            self.busy.eq(held),
            self.waits.eq(held & steps[-1] & ~leaves),
        ]
        self._operands(m, registers, changes, slots, steps[0])
        self._change(m, changes, slots, registers.value)
        own, units = Signal(END + 1), Signal(_UNITS)
        with m.If(leaves | (fails != 0)):
            m.d.sync += [own.eq(0), units.eq(0)]
        with m.Elif(goes & steps[0]):
            self._decode(m, slots[0][:8], own, units)
        self._given(m, dispatch, slots, units, registers.value, steps)
        done = self._own(m, own, slots, steps[-1], fails)
        with m.If(own.any()):
            m.d.comb += leaves.eq(done)
        with m.Elif(units.any() & steps[-1]):
            m.d.comb += [dispatch.i.valid.eq(1), leaves.eq(dispatch.i.ready)]
        return m

    def _decode(self, m: Module, opcode: Value, own: Signal, units: Signal) -> None:
        """Which of the sequencer's instructions it is, by opcode, 0 for none of any; or whose."""
        # Units have one instruction each, but for weights, and the vector unit, which judges
        # its own.
        known = (opcode[:4] == 0) | (opcode == _SECOND) | (opcode[4:] == _VECTOR)
        ours = [opcode == code for code in range(SET, END + 1)]
        theirs = [known & (opcode[4:] == 1 + index) for index in range(_UNITS)]
        m.d.sync += [own.eq(Cat(~Cat(*ours, *theirs).any(), *ours)), units.eq(Cat(*theirs))]

    def _operands(
        self,
        m: Module,
        registers: RegisterFile,
        changes: Changes,
        slots: list[Signal],
        first: Value,
    ) -> None:
        """The register that a change needs, else that of step 0 or that of step 1."""
        opcode, number = slots[0][:8], registers.number
        own = [slot[:4] for slot in slots[FIRST_SLOT : FIRST_SLOT + 3]]
        with m.If(changes.busy):
            m.d.comb += number.eq(changes.register)
        with m.Elif(opcode[4:] != 0):
            m.d.comb += number.eq(Mux(first, slots[2][24:28], slots[2][28:]))
        with m.Elif(opcode[:4] == ADD):
            m.d.comb += number.eq(Mux(first, own[1], own[2]))
        with m.Else():
            m.d.comb += number.eq(Mux(first, own[0], own[1]))

    def _change(self, m: Module, changes: Changes, slots: list[Signal], value: Value) -> None:
        """Add to the slots of the instruction at hand what a ``modify`` left for it."""
        before, after = Signal(32, reset_less=True), Signal(32)
        m.d.comb += [
            changes.value.eq(value),
            changes.count.eq(slots[0][8:11]),
            after.eq(before + changes.step),
        ]
        for index, change in enumerate(changes.changes):
            place, factor = slots[FIRST_SLOT + 2 * index : FIRST_SLOT + 2 * index + 2]
            m.d.comb += [
                change.slot.eq(place[:4]),
                change.register.eq(place[4:8]),
                change.factor.eq(factor),
            ]
        with m.If(changes.busy):
            m.d.sync += before.eq(Mux(changes.again, after, Array(slots)[changes.following]))
        for index, slot in enumerate(slots):
            with m.If(changes.valid & (changes.slot == index)):
                m.d.sync += slot.eq(after)

    def _given(
        self,
        m: Module,
        dispatch: Dispatch,
        slots: list[Signal],
        units: Signal,
        value: Value,
        steps: Signal,
    ) -> None:
        """The instruction at hand as its unit sees it: counts instead of their rules.

        ``left`` belongs to count 0 in step 2 and to count 1 in step 3.
        """
        p = dispatch.i.p
        counts = [Signal(16, name=f"count_{index}", reset_less=True) for index in range(2)]
        left = Signal(signed(34), reset_less=True)
        offset = Mux(steps[1], slots[3][:16], slots[4][:16])
        limit = Mux(steps[2], slots[3][16:], slots[4][16:])
        with m.If(~steps[-1]):
            m.d.sync += [
                left.eq(value.as_signed() - offset),
                counts[1].eq(Mux(left < 0, 0, Mux(left > limit, limit, left[:16]))),
                counts[0].eq(counts[1]),
            ]
        m.d.comb += [
            p.units.eq(units),
            p.instruction.opcode.eq(slots[0][:8]),
            p.instruction.flags.eq(slots[0][8:]),
            *(p.instruction.slots[index].eq(slot) for index, slot in enumerate(slots[FIRST_SLOT:])),
            *(p.instruction.counts[index].eq(count) for index, count in enumerate(counts)),
            *(
                p.lags[index].eq(Cat(slots[1], slots[2]).word_select(index, 8))
                for index in range(_UNITS)
            ),
        ]

    def _own(
        self, m: Module, own: Signal, slots: list[Signal], last: Value, fails: Signal
    ) -> Value:
        """The sequencer's own instructions; whether the one at hand is done."""
        fetch, dispatch, changes = m.submodules.fetch, m.submodules.dispatch, m.submodules.changes
        registers = m.submodules.registers
        value = registers.value
        done, asked = Signal(), Signal()
        flags = slots[0][8:]
        first, second, third, fourth = slots[FIRST_SLOT : FIRST_SLOT + 4]
        # The first operand in step 2, sum and order of both in step 3, what follows in step 4.
        left, right = Signal(signed(32), reset_less=True), Signal(signed(32))
        both, total = Signal(32, reset_less=True), Signal(32, reset_less=True)
        target = Signal(32, reset_less=True)
        equal, less, taken = Signal(), Signal(), Signal()
        condition = flags[1:4]
        m.d.comb += right.eq(Mux(flags[0], Mux(own[BRANCH], third, 0), value))
        m.d.sync += [
            left.eq(value),
            both.eq(left + right),
            equal.eq(left == right),
            less.eq(left < right),
            total.eq(both + fourth),
            target.eq(self.program + fourth),
            taken.eq(Cat(1, equal, ~equal, less, ~less, Const(0, 3)).bit_select(condition, 1)),
        ]
        words = self.words
        m.d.comb += [
            words.requests.payload.eq(second),
            registers.target.eq(first),
            registers.result.eq(total),
        ]
        with m.If(own[0]):
            m.d.comb += fails.eq(Fault.OPCODE)
        with m.If(own[SET]):
            m.d.comb += [registers.writes.eq(1), registers.result.eq(second), done.eq(1)]
        with m.If(own[ADD]):
            m.d.comb += [registers.writes.eq(last), done.eq(last)]
        with m.If(own[READ]):
            m.d.comb += [
                words.requests.valid.eq(last & dispatch.met & ~asked),
                words.words.ready.eq(1),
                registers.writes.eq(words.words.valid),
                registers.result.eq(words.words.payload[:32]),
                done.eq(words.words.valid),
            ]
            with m.If(words.requests.valid & words.requests.ready):
                m.d.sync += asked.eq(1)
            with m.If(words.words.valid):
                m.d.sync += asked.eq(0)
        with m.If(own[BRANCH]):
            with m.If(condition > NOT_LESS):
                m.d.comb += fails.eq(Fault.FIELD)
            with m.Elif(last):
                m.d.comb += [done.eq(1), fetch.jump.eq(taken), fetch.target.eq(target)]
        with m.If(own[MODIFY]):
            with m.If(flags[:3] > CHANGES):
                m.d.comb += fails.eq(Fault.FIELD)
            with m.Else():
                m.d.comb += [done.eq(1), changes.start.eq(1)]
        with m.If(own[SYNC]):
            m.d.comb += done.eq(last & dispatch.idle)
        with m.If(own[END]):
            m.d.comb += self.ended.eq(last & dispatch.idle)
        return done
