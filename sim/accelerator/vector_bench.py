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
        for name in RESULTS:
            requests = getattr(self.unit, name).signature.members["requests"]
            members[name] = Out(wiring.Signature({"requests": requests}))
        super().__init__({**members, "completions": Out(stream.Signature(unsigned(4)))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.unit = unit = self.unit
        for name in ("instructions", *OPERANDS):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(unit, name))
        for name in RESULTS:
            port, request = getattr(unit, name), getattr(self, name).requests
            wiring.connect(m, port.requests, wiring.flipped(request))
            m.d.sync += port.ended.eq(request.valid & request.ready & request.p.ends)
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
        state = VectorState(plan)
        # The buffer before the first instruction and after each.
        self.buffers = [buffer.copy()]
        self.reads: list[dict[str, list[int]]] = []
        self.writes: list[dict[str, int]] = []
        words: dict[str, list[np.ndarray]] = {name: [] for name in OPERANDS}
        for one in instructions:
            buffer = self.buffers[-1].copy()
            self.reads.append(reads(plan, one))
            self.writes.append(writes(plan, one))
            for name, addresses in self.reads[-1].items():
                words[name].append(buffer[addresses])
            execute(one, buffer, state)
            self.buffers.append(buffer)
        self.inputs: dict[str, Beats] = {
            f"{name}__words": np.concatenate([
                np.zeros((0, plan.word_bytes), np.uint8),
                *words[name],
            ])
            for name in OPERANDS
        }
        self.inputs["instructions"] = instruction_beats(instructions)
        self.outputs = {f"{name}__requests": len(self._addresses(name)) for name in OPERANDS}
        for name in RESULTS:
            self.outputs[f"{name}__requests"] = sum(one.get(name, 0) for one in self.writes)
        self.outputs["completions"] = len(instructions)

    @property
    def after(self) -> Mapping[str, Mapping[str, np.ndarray]]:
        """Words come after their requests."""
        return {
            f"{name}__words": {f"{name}__requests": np.arange(len(self._addresses(name))) + 1}
            for name in OPERANDS
        }

    def _addresses(self, name: str) -> list[int]:
        return [address for one in self.reads for address in one.get(name, [])]

    def check(self, result: Result) -> None:
        """Raise ``AssertionError`` at the first difference; each instruction follows its last."""
        for name in OPERANDS:
            found = unpack(unsigned(8 * ADDRESS_BYTES), result.beats[f"{name}__requests"])
            np.testing.assert_array_equal(found, self._addresses(name), f"addresses of {name}")
        places = dict.fromkeys((*OPERANDS, *RESULTS), 0)
        ended = -1
        for number, (read, write) in enumerate(zip(self.reads, self.writes, strict=True)):
            written, expected = self.buffers[number].copy(), self.buffers[number + 1]
            cycles = []
            for name, count in ((name, len(addresses)) for name, addresses in read.items()):
                part = slice(places[name], places[name] + count)
                assert (result.cycles[f"{name}__requests"][part] > ended).all(), "read too early"
                places[name] += count
            for name, count in write.items():
                part = slice(places[name], places[name] + count)
                beats = result.beats[f"{name}__requests"][part]
                addresses = unpack(unsigned(8 * ADDRESS_BYTES), beats)
                written[addresses] = beats[:, ADDRESS_BYTES:][:, : written.shape[1]]
                cycles.append(result.cycles[f"{name}__requests"][part])
                places[name] += count
            ended = max([ended, *np.concatenate([[], *cycles])])
            assert result.cycles["completions"][number] > ended, "completed too early"
            for place in np.flatnonzero((written != expected).any(axis=1)):
                raise AssertionError(
                    f"instruction {number}: word {place} is {written[place].view('<i2')}, not "
                    f"{expected[place].view('<i2')}"
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
    words = -(-elements // plan.word_lanes)
    if one.opcode & 2:
        return {"a": list(range(slots.a, slots.a - (-8 * slots.elements // plan.word_bytes)))}
    if one.opcode == Opcode.REDUCE:
        return {
            "a": [
                slots.a + window * slots.c_stride + row * slots.a_stride + beat // plan.beats
                for window in range(rows)
                # A word is read once for each of its beats.
                for beat in range(-(-elements // plan.lanes))
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
    results = (
        flags.rows * -(-elements // plan.word_lanes) + flags.argmax + flags.top_k * slots.ranks
    )
    aside = flags.header and not results
    codes = flags.codes * -(-elements // plan.word_bytes) + (flags.header and not aside)
    return {"rows": one.counts[0] * (results + aside), "codes": one.counts[0] * codes}
