"""The sequencer's own instructions, and what units are given when."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from amaranth.sim import Simulator

from hw.accelerator.faults import Fault
from hw.accelerator.layout import UNITS
from hw.accelerator.sequencer import Sequencer
from hw.program.instructions import Count, Instruction

WORD = 32
MEMORY = 8192
LESS = 3


class Run:
    """What became of a program: what each unit was given, by order and cycle."""

    def __init__(self, program: Sequence[Instruction | bytes], seed: int = 0, **given: Any) -> None:
        code = b"".join(x if isinstance(x, bytes) else x.encode() for x in program)
        self.memory = code.ljust(given.get("size", MEMORY), b"\0")
        self.arguments = given.get("arguments", (0, 0, 0, 0))
        self.words = given.get("words", {})
        self.random = random.Random(seed)
        self.started: list[tuple[int, str, dict]] = []
        self.completed: list[tuple[int, str]] = []
        self.fault, self.ended, self.cycle = 0, False, 0
        sequencer = self.sequencer = Sequencer(WORD, 10)
        simulator = Simulator(sequencer)
        simulator.add_clock(1e-6)
        simulator.add_testbench(self.main)
        simulator.add_testbench(self.serve_memory, background=True)
        simulator.add_testbench(self.serve_buffer, background=True)
        for index in range(len(UNITS) - 1):

            async def unit(ctx: Any, index: int = index) -> None:
                await self.serve_unit(ctx, index)

            simulator.add_testbench(unit, background=True)
        simulator.run()

    async def main(self, ctx: Any) -> None:
        s = self.sequencer
        for index, value in enumerate(self.arguments):
            ctx.set(s.arguments[index], value)
        ctx.set(s.memory_size, len(self.memory))
        ctx.set(s.start, 1)
        await ctx.tick()
        ctx.set(s.start, 0)
        while not self.ended and not self.fault:
            *_, self.ended, self.fault = await ctx.tick().sample(s.ended, s.fault)
            self.cycle += 1
            assert self.cycle < 4000

    async def serve_memory(self, ctx: Any) -> None:
        port = self.sequencer.memory
        due: list[tuple[int, int]] = []
        while True:
            head = due and due[0][0] <= self.cycle
            ctx.set(port.words.valid, bool(head))
            if head:
                at = due[0][1]
                ctx.set(port.words.payload, int.from_bytes(self.memory[at : at + WORD], "little"))
            ctx.set(port.requests.ready, self.random.random() < 0.7)
            *_, valid, ready, request, wv, wr = await ctx.tick().sample(
                port.requests.valid,
                port.requests.ready,
                port.requests.payload,
                port.words.valid,
                port.words.ready,
            )
            if wv and wr:
                due.pop(0)
            if valid and ready:
                assert int(request.address) + WORD * int(request.words) <= len(self.memory)
                due += [
                    (self.cycle + 12, int(request.address) + WORD * word)
                    for word in range(int(request.words))
                ]

    async def serve_buffer(self, ctx: Any) -> None:
        port = self.sequencer.words
        ctx.set(port.requests.ready, 1)
        while True:
            *_, valid, address = await ctx.tick().sample(port.requests.valid, port.requests.payload)
            if valid:
                await ctx.tick().repeat(2)
                ctx.set(port.words.payload, self.words[int(address)])
                ctx.set(port.words.valid, 1)
                await ctx.tick().until(port.words.ready)
                ctx.set(port.words.valid, 0)

    async def serve_unit(self, ctx: Any, index: int) -> None:
        port, pulse = self.sequencer.units[index], self.sequencer.completed[index]
        due: list[int] = []
        while True:
            done = bool(due) and due[0] <= self.cycle
            if done:
                due.pop(0)
                self.completed.append((self.cycle, UNITS[index + 1]))
            ctx.set(pulse, done)
            ctx.set(port.ready, self.random.random() < 0.5)
            *_, valid, ready, given = await ctx.tick().sample(port.valid, port.ready, port.payload)
            if valid and ready:
                fields = {
                    "opcode": int(given.opcode),
                    "counts": [int(x) for x in given.counts],
                    "slots": [int(x) for x in given.slots],
                }
                self.started.append((self.cycle, UNITS[index + 1], fields))
                last = due[-1] if due else 0
                due.append(max(last, self.cycle) + self.random.randrange(1, 40))


def load(place: int, lags: dict[str, int] | None = None, **more: Any) -> Instruction:
    """A load, told apart by its place in the buffer."""
    return Instruction(name="load", values={"buffer": place}, lags=lags or {}, **more)


END = Instruction(name="end")


def test_loop_with_changes_and_counts() -> None:
    """A loop whose loads have a base that moves and a count that grows, up to an argument."""
    program = [
        Instruction(name="set", values={"to": 5, "value": 0}),
        Instruction(
            name="modify", values={"changes": 1, "slot_0": 8, "register_of_0": 5, "factor_0": 7}
        ),
        load(100, counts=(Count(register=5, offset=1, limit=2), Count(register=1, limit=50))),
        Instruction(name="add", values={"to": 5, "left": 5, "alone": 1, "value": 1}),
        Instruction(name="branch", values={"condition": LESS, "left": 5, "right": 1, "target": 64}),
        END,
    ]
    run = Run(program, arguments=(5, 0, 0, 0))
    assert run.ended
    given = [fields for _, unit, fields in run.started if unit == "load"]
    assert [fields["slots"][3] for fields in given] == [100 + 7 * i for i in range(5)]
    assert [fields["counts"] for fields in given] == [[0, 5], [0, 5], [1, 5], [2, 5], [2, 5]]
    assert len(run.completed) == 5


def test_changes_of_one_slot_add_up() -> None:
    """Four changes, two of them of the same slot one after the other, of registers of any sign."""
    values = {5: 0x12345678, 6: -13, 7: 70_000}
    changes = [(8, 5, 3), (8, 6, 5), (5, 7, -70_001), (8, 7, 1 << 20)]
    fields = {"changes": len(changes)}
    for index, (slot, register, factor) in enumerate(changes):
        fields |= {f"slot_{index}": slot, f"register_of_{index}": register}
        fields[f"factor_{index}"] = factor
    program = [
        *(Instruction(name="set", values={"to": to, "value": v}) for to, v in values.items()),
        Instruction(name="modify", values=fields),
        load(100),
        load(7),
        END,
    ]
    run = Run(program)
    wanted = {5: 0, 8: 100}
    for slot, register, factor in changes:
        wanted[slot] = (wanted[slot] + values[register] * factor) % (1 << 32)
    given = [fields["slots"] for _, _, fields in run.started]
    assert (given[0][0], given[0][3], given[1][3]) == (wanted[5], wanted[8], 7)


@pytest.mark.parametrize("seed", range(3))
def test_lags(seed: int) -> None:
    """Nothing starts before what it waits for is complete; everything starts."""
    choice = random.Random(seed)
    names = {"load": "load", "store": "store", "vector": "rows", "engine": "attend"}
    program, waits = [], []
    for _ in range(60):
        unit = choice.choice(list(names))
        lags = {other: choice.choice([0, 1, 3]) for other in names if choice.random() < 0.4}
        program.append(Instruction(name=names[unit], lags=lags))
        waits.append((unit, lags))
    run = Run([*program, END], seed)
    assert run.ended
    starts = {unit: [c for c, u, _ in run.started if u == unit] for unit in names}
    ends = {unit: [c for c, u in run.completed if u == unit] for unit in names}
    before = dict.fromkeys(names, 0)
    for unit, lags in waits:
        for other, lag in lags.items():
            needed = before[other] - lag
            if needed > 0:
                assert ends[other][needed - 1] < starts[unit][before[unit]]
        before[unit] += 1
    assert {unit: len(cycles) for unit, cycles in ends.items()} == before


def test_read_waits_and_branches() -> None:
    """A word of the buffer decides a branch once the unit that writes it is complete."""
    program = [
        load(1),
        Instruction(name="read", values={"to": 6, "word": 9}, lags={"load": 0}),
        Instruction(
            name="branch",
            values={"condition": 1, "immediate": 1, "left": 6, "value": -3, "target": 4 * 64},
        ),
        load(2),
        load(3),
        END,
    ]
    run = Run(program, words={9: 0xFFFFFFFD})
    assert [fields["slots"][3] for _, _, fields in run.started] == [1, 3]
    run = Run(program, words={9: 3})
    assert [fields["slots"][3] for _, _, fields in run.started] == [1, 2, 3]


@pytest.mark.parametrize(
    ("program", "fault"),
    [
        ([load(1), bytes(64)], Fault.OPCODE),
        ([load(1), (0x7F).to_bytes(64, "little")], Fault.OPCODE),
        ([load(1), (0x41).to_bytes(64, "little")], Fault.OPCODE),
        ([load(1), (0x6F).to_bytes(64, "little")], Fault.OPCODE),
        ([load(1), (0x05 | 5 << 8).to_bytes(64, "little")], Fault.FIELD),
    ],
)
def test_faults(program: list[Instruction | bytes], fault: Fault) -> None:
    """What no program may hold ends it with a code."""
    run = Run(program)
    assert run.fault == fault
    assert not run.ended


def test_program_that_runs_out_of_memory() -> None:
    """A program without an end meets the end of memory."""
    run = Run([load(place) for place in range(6)], size=6 * 64)
    assert run.fault == Fault.MEMORY
    assert len(run.started) <= 6
