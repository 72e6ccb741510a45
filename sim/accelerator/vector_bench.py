"""The vector unit between streams: what its ports carry for some instructions, by the model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import Out

from hw.accelerator.layout import COUNT_BITS, FIRST_SLOT, instruction_layout, unit_members
from hw.accelerator.vector.fields import Combine, Opcode
from hw.accelerator.vector.operands import OPERANDS
from hw.accelerator.vector.plan import VectorPlan
from hw.accelerator.vector.unit import RESULTS, VectorUnit
from sim.accelerator.vector_fields import fields_of
from sim.accelerator.vector_model import VectorState, execute
from sim.accelerator.vector_stimulus import VectorInstruction
from sim.beats import pack, unpack
from sim.traffic import Beats, Result

ADDRESS_BYTES = 2


class VectorBench(wiring.Component):
    """The unit, with its completions and its fault as a stream: a beat per instruction."""

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        self.unit = VectorUnit(plan)
        members = {
            name: member
            for name, member in self.unit.signature.members.items()
            if name not in unit_members() or name == "instructions"
        }
        super().__init__({**members, "completions": Out(stream.Signature(unsigned(4)))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.unit = unit = self.unit
        for name in ("instructions", *OPERANDS, *RESULTS):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(unit, name))
        waiting, taken = Signal(COUNT_BITS), Signal()
        m.d.comb += [
            taken.eq(self.completions.valid & self.completions.ready),
            self.completions.valid.eq(waiting != 0),
            self.completions.payload.eq(unit.fault),
        ]
        m.d.sync += waiting.eq(waiting + unit.completed - taken)
        return m


class Expectation:
    """What goes in, and what must come out; ``addresses`` of the reads and of the writes."""

    def __init__(
        self, plan: VectorPlan, buffer: np.ndarray, instructions: Sequence[VectorInstruction]
    ) -> None:
        self.before = buffer.copy()
        self.buffer = buffer.copy()
        state = VectorState(plan)
        self.reads: dict[str, list[int]] = {name: [] for name in OPERANDS}
        words: dict[str, list[np.ndarray]] = {name: [] for name in OPERANDS}
        self.writes = dict.fromkeys(RESULTS, 0)
        for one in instructions:
            for name, addresses in reads(plan, one).items():
                self.reads[name] += addresses
                words[name].append(self.buffer[addresses])
            for name, count in writes(plan, one).items():
                self.writes[name] += count
            execute(one, self.buffer, state)
        self.inputs: dict[str, Beats] = {
            f"{name}__words": np.concatenate([
                np.zeros((0, plan.word_bytes), np.uint8),
                *words[name],
            ])
            for name in OPERANDS
        }
        self.inputs["instructions"] = instruction_beats(instructions)
        self.outputs = {f"{name}__requests": len(self.reads[name]) for name in OPERANDS}
        self.outputs |= {f"{name}__requests": count for name, count in self.writes.items()}
        self.outputs["completions"] = len(instructions)

    @property
    def after(self) -> Mapping[str, Mapping[str, np.ndarray]]:
        """Words come after their requests."""
        return {
            f"{name}__words": {f"{name}__requests": np.arange(len(self.reads[name])) + 1}
            for name in OPERANDS
        }

    def check(self, result: Result) -> None:
        """Raise ``AssertionError`` at the first difference."""
        for name in OPERANDS:
            found = unpack(unsigned(8 * ADDRESS_BYTES), result.beats[f"{name}__requests"])
            np.testing.assert_array_equal(found, self.reads[name], f"addresses of {name}")
        written = self.before.copy()
        cycles = [result.cycles[f"{name}__requests"] for name in RESULTS]
        beats = np.concatenate([result.beats[f"{name}__requests"] for name in RESULTS])
        # Instructions follow each other: what was written last counts.
        beats = beats[np.argsort(np.concatenate(cycles), kind="stable")]
        addresses = unpack(unsigned(8 * ADDRESS_BYTES), beats)
        for address, beat in zip(addresses, beats, strict=True):
            written[address] = beat[ADDRESS_BYTES:][: written.shape[1]]
        places = np.flatnonzero((written != self.buffer).any(axis=1))
        if len(places):
            first = places[0]
            raise AssertionError(
                f"word {first} is {written[first].view('<i2')}, not "
                f"{self.buffer[first].view('<i2')}; {len(places)} words differ"
            )
        assert not unpack(unsigned(4), result.beats["completions"]).any(), "a fault"


def instruction_beats(instructions: Sequence[VectorInstruction]) -> Beats:
    """Beats of the port ``instructions``."""
    return pack(
        instruction_layout(),
        {
            "opcode": np.array([one.opcode for one in instructions]),
            "flags": np.array([one.flags for one in instructions]),
            "counts": np.array([one.counts for one in instructions]),
            "slots": np.array([one.slots[FIRST_SLOT:] for one in instructions]),
        },
    )


def reads(plan: VectorPlan, one: VectorInstruction) -> dict[str, list[int]]:
    """Addresses of each operand's reads, in order."""
    flags, slots, rows, length, elements = fields_of(one)
    words = -(-elements // plan.lanes)
    if one.opcode & 2:
        return {"a": list(range(slots.a, slots.a - (-8 * slots.elements // plan.word_bytes)))}
    if one.opcode == Opcode.REDUCE:
        return {
            "a": [
                slots.a + window * slots.c_stride + row * slots.a_stride + word
                for window in range(rows)
                for word in range(words)
                for row in range(length)
            ]
        }
    places = [(row, word) for row in range(rows) for word in range(words)]
    found = {"a": [slots.a + row * slots.a_stride + word for row, word in places]}
    if flags.combine != Combine.PASS:
        found["b"] = [slots.b + row * slots.b_stride + word for row, word in places]
    if flags.combine in {Combine.GRU, Combine.CELL}:
        both = (0, slots.d_distance) if flags.combine == Combine.CELL else (0,)
        found["c"] = [
            slots.c + row * slots.c_stride + word + further
            for row, word in places
            for further in both
        ]
    return found


def writes(plan: VectorPlan, one: VectorInstruction) -> dict[str, int]:
    """How many words each port writes."""
    if one.opcode & 2:
        return {}
    flags, slots, _, _, elements = fields_of(one)
    results = flags.rows * -(-elements // plan.lanes) + flags.argmax + flags.top_k * slots.ranks
    aside = flags.header and not results
    codes = flags.codes * -(-elements // plan.word_bytes) + (flags.header and not aside)
    return {"rows": one.counts[0] * (results + aside), "codes": one.counts[0] * codes}
