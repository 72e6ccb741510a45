"""Chains of steps whose tensors are too large for the buffer, block of rows by block of rows.

Windows, then codes, products and functions: each row of the last depends on its own rows only. What
is between them lives for a block; weights are loaded once for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hw.program.compiler.build import Build
from hw.program.compiler.steps import Step


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Steps that follow each other, what they read from outside and leave, rows of a block."""

    steps: tuple[Step, ...]
    sources: tuple[str, ...]
    result: str
    rows: int
    block: int

    @property
    def inner(self) -> set[str]:
        """Tensors that live for a block."""
        return {name for step in self.steps for name in step.written} - {self.result}


def chain_at(build: Build, steps: Sequence[Step]) -> Chain | None:
    """The chain that begins with the first of ``steps``, unless it fits into the buffer whole."""
    found: list[Step] = []
    for step in steps:
        if not _by_rows(build, step, first=not found):
            break
        if found and not _read(build, step) <= set(found[-1].written):
            break
        found.append(step)
        if not _only_next(build, step, steps[len(found)] if len(found) < len(steps) else None):
            break
    while found and len(found[-1].written) > 1:
        # Codes and their scales are no tensor to leave.
        found.pop()
    if len(found) < 2 or found[-1].written[0] in build.graph.outputs:
        return None
    sources, result = tuple(sorted(_read(build, found[0]))), found[-1].written[0]
    rows = build.rows(result)
    if rows.names or any(build.rows(name) != rows for name in sources):
        return None
    # Words of a row that every step makes; two of them lie there at a time.
    inner = [sum(_words(build, name) | 1 for name in step.written) for step in found[:-1]]
    most = max(map(sum, pairwise([*inner, _words(build, result)])))
    if most * rows.constant <= build.buffer.words:
        return None
    outside = sum(_words(build, name) for name in (*sources, result)) * rows.constant
    room = (build.buffer.words - outside) // 2 // sum(inner)
    sizes = [size for size in range(1, rows.constant) if not rows.constant % size and size <= room]
    if not sizes:
        return None
    return Chain(
        steps=tuple(found), sources=sources, result=result, rows=rows.constant, block=sizes[-1]
    )


def _by_rows(build: Build, step: Step, first: bool) -> bool:
    """Whether a row of what a step makes depends on one row only; of windows, on its neighbours."""
    head = step.operators[0]
    if step.kind == "windows":
        return first and head.spec.stride[0] == 1
    pools = head.kind in {"mean_pool", "max_pool"}
    return len(_read(build, step)) <= 2 and (
        (step.kind == "linear" and len(step.operators) == 1)
        or (step.kind == "vector" and not pools and len(step.written) <= 2)
    )


def _only_next(build: Build, step: Step, following: Step | None) -> bool:
    """Whether the following step alone reads what a step makes."""
    if following is None or not set(step.written).isdisjoint(build.graph.outputs):
        return False
    readers = {
        one.name for one in build.graph.operators if not set(step.written).isdisjoint(one.inputs)
    }
    return readers <= {one.name for one in following.operators}


def _read(build: Build, step: Step) -> set[str]:
    """Tensors that a step reads."""
    return {name for name in step.inputs if name in build.graph.tensors}


def _words(build: Build, name: str) -> int:
    """Words of a row, as codes with a header or as 16 bits; the scales lie in the headers."""
    maker = next((one for one in build.graph.operators if name in one.outputs), None)
    layout = build.layouts[name]
    if maker is None or maker.kind != "quantize":
        return layout.words
    if name != maker.outputs[0]:
        return 0
    return 1 + -(-layout.elements // build.machine.word_bytes)
