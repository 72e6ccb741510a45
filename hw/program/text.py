"""Assembler text: one instruction a line, ``name field=value ...``; to binary and back.

    start:                                          a place that branches go to
    load count0=r1-0:128 address=0x400 pitch=768 words=12 buffer=0 stride=13
    cores count0=r1-0:128 lags=load:0,weights:2 codes=0 ...
    branch left=5 right=1 condition=3 target=start

``countN=rR-OFFSET:LIMIT`` is ``clamp(register R - OFFSET, 0, LIMIT)``; without it a count is 1.
``lags=unit:n,...`` waits until at most n of the unit's earlier instructions are under way. What is
left out is 0. ``#`` begins a remark.
"""

import re
from collections.abc import Sequence

from hw.program.instructions import BYTES, Count, Instruction, decode, fields_of

_COUNT = re.compile(r"r(\d+)-(\d+):(\d+)")
_LABEL = re.compile(r"([A-Za-z_][\w.]*):")


def assemble(text: str) -> list[Instruction]:
    """Instructions of a text; ``ValueError`` names the line that is not understood."""
    lines: list[tuple[int, str]] = []
    labels: dict[str, int] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#")[0].strip()
        label = _LABEL.fullmatch(line)
        if label:
            labels[label[1]] = len(lines) * BYTES
        elif line:
            lines.append((number, line))
    instructions = []
    for number, line in lines:
        try:
            instructions.append(_instruction(line, labels))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return instructions


def disassemble(content: bytes) -> str:
    """The text of a binary program, a label at every place that a branch goes to."""
    if len(content) % BYTES:
        raise ValueError(f"{len(content)} bytes are no whole number of instructions of {BYTES}")
    instructions = [decode(content[at : at + BYTES]) for at in range(0, len(content), BYTES)]
    return listing(instructions)


def listing(instructions: Sequence[Instruction], remarks: Sequence[str] = ()) -> str:
    """The text of instructions; ``remarks`` stand behind them."""
    targets = sorted({one["target"] for one in instructions if one.name == "branch"})
    labels = {target: f"place_{index}" for index, target in enumerate(targets)}
    lines = []
    for index, one in enumerate(instructions):
        if index * BYTES in labels:
            lines.append(f"{labels[index * BYTES]}:")
        remark = f"  # {remarks[index]}" if index < len(remarks) and remarks[index] else ""
        lines.append(f"    {_line(one, labels)}{remark}")
    return "\n".join(lines) + "\n"


def _line(one: Instruction, labels: dict[int, str]) -> str:
    words = [one.name]
    for index, count in enumerate(one.counts):
        if count != Count():
            words.append(f"count{index}=r{count.register}-{count.offset}:{count.limit}")
    if one.lags:
        words.append("lags=" + ",".join(f"{unit}:{lag}" for unit, lag in one.lags.items()))
    for field in fields_of(one.name):
        value = one[field.name]
        if field.name == "target":
            words.append(f"target={labels.get(value, value)}")
        elif value:
            words.append(f"{field.name}={value}")
    return " ".join(words)


def _instruction(line: str, labels: dict[str, int]) -> Instruction:
    name, *words = line.split()
    values: dict[str, int] = {}
    counts = [Count(), Count()]
    lags: dict[str, int] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} must be field=value")
        if key in {"count0", "count1"}:
            counts[int(key[-1])] = _count(value)
        elif key == "lags":
            lags = {
                unit: _number(lag) for unit, _, lag in (x.partition(":") for x in value.split(","))
            }
        else:
            values[key] = labels[value] if value in labels else _number(value)
    return Instruction(name=name, values=values, counts=(counts[0], counts[1]), lags=lags)


def _count(value: str) -> Count:
    match = _COUNT.fullmatch(value)
    if not match:
        raise ValueError(f"a count is rREGISTER-OFFSET:LIMIT, not {value!r}")
    register, offset, limit = map(int, match.groups())
    return Count(register=register, offset=offset, limit=limit)


def _number(value: str) -> int:
    try:
        return int(value, 0)
    except ValueError:
        raise ValueError(f"{value!r} is no number and no label") from None
