"""From nodes to instructions: weights ahead, places of labels, lags, addresses."""

from collections.abc import Sequence
from dataclasses import replace

from hw.program.compiler.build import Build
from hw.program.compiler.hazards import Hazards
from hw.program.compiler.memory import PAGE
from hw.program.compiler.schedule import Node
from hw.program.fields import FIELDS
from hw.program.formats import Format
from hw.program.instructions import BYTES, Instruction
from hw.program.program import Program


def finish(
    build: Build,
    inputs: dict[str, Format],
    outputs: dict[str, Format],
    traced: dict[str, Format],
) -> Program:
    """The program of everything that was written."""
    nodes = [*_sums(build), *build.schedule.with_weights_ahead()]
    labels, size = _labels(nodes)
    base = -(-size // PAGE) * PAGE
    width = build.machine.word_bytes
    writable = max(
        (-(-(r.address + r.size) // width) for r in build.memory.regions.values()), default=0
    )
    hazards = Hazards(build.machine.buffer_words, writable)
    instructions: list[Instruction] = []
    remarks: list[str] = []
    for node in nodes:
        if node.label:
            continue
        if node.changes:
            instructions.append(_modify(node))
            remarks.append("")
        values = dict(node.values)
        if "address" in values:
            values["address"] += base
        if node.target:
            values["target"] = labels[node.target]
        values = {name: _wrapped(node.name, name, value) for name, value in values.items()}
        lags = hazards.lags(node)
        instructions.append(
            Instruction(name=node.name, values=values, counts=node.counts, lags=lags)
        )
        remarks.append(node.remark)

    def moved(formats: dict[str, Format]) -> dict[str, Format]:
        return {name: replace(one, address=one.address + base) for name, one in formats.items()}

    binary = b"".join(one.encode() for one in instructions)
    return Program(
        name=build.graph.name,
        machine=build.machine,
        instructions=tuple(instructions),
        remarks=tuple(remarks),
        image=build.memory.image(binary, base),
        arguments=build.lengths.arguments,
        maximums=build.lengths.maximums,
        inputs=moved(inputs),
        outputs=moved(outputs),
        traced=moved(traced),
        symbols={one.name: (base + one.address, one.size) for one in build.memory.regions.values()},
        buffer_words=build.buffer.most,
    )


def _sums(build: Build) -> list[Node]:
    """Lengths that are no arguments, at the beginning."""
    return [
        Node(
            name="add",
            values={
                "to": to,
                "left": left,
                "right": right,
                "value": value,
                "alone": int(not right),
            },
            remark="a length",
        )
        for to, left, right, value in build.lengths.sums
    ]


def _labels(nodes: Sequence[Node]) -> tuple[dict[str, int], int]:
    """The byte that each label stands for, and the program's size."""
    labels, at = {}, 0
    for node in nodes:
        if node.label:
            labels[node.label] = at
        else:
            at += BYTES * (1 + bool(node.changes))
    return labels, at


def _modify(node: Node) -> Instruction:
    """What changes the slots of the next instruction."""
    slots = {one.name: one.slot for one in FIELDS[node.name]}
    if len(node.changes) > 4:
        raise ValueError(f"{node.name!r} has {len(node.changes)} changes, but modify makes 4")
    values = {"changes": len(node.changes)}
    for index, change in enumerate(node.changes):
        values |= {
            f"slot_{index}": slots[change.field],
            f"register_of_{index}": change.register,
            f"factor_{index}": change.factor,
        }
    return Instruction(name="modify", values=values)


def _wrapped(instruction: str, name: str, value: int) -> int:
    """A field that a modify will change may begin below 0: its slot counts modulo 2**32."""
    field = next(one for one in FIELDS[instruction] if one.name == name)
    return value & 0xFFFFFFFF if field.bits == 32 and not field.signed else value
