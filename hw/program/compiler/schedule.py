"""The instructions of a program while it is written, with what each reads and writes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hw.program.instructions import Count, unit_of

WEIGHTS_AHEAD = 1
"""Passes whose weights are asked for before the pass in front of them."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """``rows`` rows of ``words`` words, ``stride`` words from one to the next.

    Words of the buffer, or with ``memory`` words of the writable memory.
    """

    first: int
    words: int = 1
    stride: int = 1
    rows: int = 1
    memory: bool = False

    def places(self) -> np.ndarray:
        """Every word of it."""
        starts = self.first + self.stride * np.arange(self.rows)
        return (starts[:, None] + np.arange(self.words)).reshape(-1)


@dataclass(frozen=True, kw_only=True)
class Change:
    """``values[field] += register * factor`` before the instruction is given to its unit."""

    field: str
    register: int
    factor: int


@dataclass(kw_only=True)
class Node:
    """An instruction to be: ``label`` instead of a name is a place that branches go to."""

    name: str = ""
    values: dict[str, int] = field(default_factory=dict)
    counts: tuple[Count, Count] = (Count(), Count())
    reads: Sequence[Span] = ()
    writes: Sequence[Span] = ()
    changes: Sequence[Change] = ()
    remark: str = ""
    label: str = ""
    target: str = ""

    @property
    def is_border(self) -> bool:
        """Whether nothing may move across it, and all before it is complete behind it."""
        return bool(self.label) or self.name in {"sync", "branch", "end"}

    @property
    def unit(self) -> str:
        """The unit that it is given to."""
        return unit_of(self.name) if self.name else ""


class Schedule:
    """Nodes in order."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def emit(
        self,
        name: str,
        *,
        counts: tuple[Count, ...] = (),
        reads: Sequence[Span] = (),
        writes: Sequence[Span] = (),
        changes: Sequence[Change] = (),
        remark: str = "",
        target: str = "",
        values: Mapping[str, int] | None = None,
    ) -> None:
        """Append an instruction."""
        filled = (*counts, Count(), Count())
        self.nodes.append(
            Node(
                name=name,
                values=dict(values or {}),
                counts=(filled[0], filled[1]),
                reads=reads,
                writes=writes,
                changes=changes,
                remark=remark,
                target=target,
            )
        )

    def place(self, label: str) -> None:
        """Name the place behind what was appended."""
        self.nodes.append(Node(label=label))

    def with_weights_ahead(self) -> list[Node]:
        """The nodes, the weights of each pass before the pass in front of it.

        So they are on their way while the cores still work, whatever waits in between.
        """
        result: list[Node] = []
        for stretch in _stretches(self.nodes):
            passes = [index for index, node in enumerate(stretch) if node.name == "cores"]
            moved: dict[int, list[Node]] = {}
            for index, node in enumerate(stretch):
                before = [one for one in passes if one < index]
                if node.name == "weights" and not node.changes and len(before) >= WEIGHTS_AHEAD:
                    moved.setdefault(before[-WEIGHTS_AHEAD], []).append(node)
            late = {id(node) for nodes in moved.values() for node in nodes}
            for index, node in enumerate(stretch):
                result.extend(moved.get(index, ()))
                if id(node) not in late:
                    result.append(node)
        return result


def _stretches(nodes: Sequence[Node]) -> Iterator[list[Node]]:
    """Nodes between borders, each border at the end of what is before it."""
    stretch: list[Node] = []
    for node in nodes:
        stretch.append(node)
        if node.is_border:
            yield stretch
            stretch = []
    yield stretch
