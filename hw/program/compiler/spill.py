"""Room in a full buffer: what is needed last goes to memory, and comes back before it is read.

A store is complete before the load that reads it begins, as lags between units say of memory too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hw.program.compiler.layout import Block, Layout, Place
from hw.program.compiler.lengths import Length
from hw.program.compiler.memory import Region
from hw.program.compiler.room import Room
from hw.program.compiler.schedule import Span
from hw.program.compiler.steps import Step
from hw.program.instructions import Count

NEVER = 1 << 30
"""A step behind all others."""

PIECE = 1 << 15
"""Words of one transfer, where rows do not tell."""


@dataclass(frozen=True, kw_only=True)
class Away:
    """A block in memory: the tensors in it, and where they lay."""

    places: Mapping[str, Place]
    block: Block
    region: Region


class Spills:
    """Knows which step is at hand and when every tensor is needed next.

    Loops spill nothing: what a body leaves must be where it found it.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._uses: dict[str, list[int]] = {}
        self._at = 0
        self._kept: set[str] = set()
        self._held: set[str] = set()
        self._away: dict[str, Away] = {}
        self.moved = 0
        """Words that went to memory."""

    def plan(self, steps: Sequence[Step], outer: Mapping[str, str]) -> None:
        """The steps to come; ``outer`` is the tensor that another is made inside of."""
        self._uses, self._at = {}, 0
        for index, step in enumerate(steps):
            for name in _touched(step, outer):
                self._uses.setdefault(name, []).append(index)

    def hold(self, names: Iterable[str]) -> None:
        """Tensors that stay in the buffer from here on."""
        self._held = set(names)

    def begin(self, step: Step, outer: Mapping[str, str], at: int) -> None:
        """The step ``at`` this place of the plan: what it touches stays in the buffer."""
        self._at = at
        self._kept = set(_touched(step, outer))

    def end(self) -> None:
        """The step is written."""
        self._kept = set()

    def __contains__(self, name: str) -> bool:
        return name in self._away

    def make_way(self, names: Iterable[str], words: int) -> None:
        """Room for ``words`` words side by side: if need be, ``names`` are moved out of the way.

        Only before a step is written: it then finds them where they are.
        """
        while not self._room.buffer.fits(words) and self.make_room():
            pass
        if self._room.buffer.fits(words) or self._room.looping:
            return
        kept, self._kept = self._kept, set()
        while self.make_room():
            pass
        self._kept = kept
        self._room.buffer.rewind()
        for name in names:
            if name in self:
                self.back(name)

    def make_room(self) -> bool:
        """Store one block; whether there was one that can go."""
        if self._room.looping:
            return False
        blocks: dict[int, list[str]] = {}
        for name, place in self._room.places.items():
            blocks.setdefault(id(place.block), []).append(name)
        stay = self._kept | self._held
        found = [
            names
            for names in blocks.values()
            # Whoever else uses a block knows where it lies.
            if len(names) == self._room.places[names[0]].block.users and stay.isdisjoint(names)
        ]
        if not found:
            return False
        names = max(found, key=lambda names: min(map(self._next_use, names)))
        places = {name: self._room.places.pop(name) for name in names}
        block = places[names[0]].block
        size = block.words * self._room.machine.word_bytes
        region = self._room.memory.reserve(f"{names[0]} (spilled, {block.words} words)", size)
        away = Away(places=places, block=block, region=region)
        _move(self._room, "store", away, block)
        self.moved += block.words
        self._room.buffer.free(block)
        self._away |= dict.fromkeys(names, away)
        return True

    def back(self, name: str) -> None:
        """Load what a tensor lay in."""
        if self._room.looping:
            raise ValueError(
                f"tensor {name!r} does not stay in the buffer, but a loop needs it: lower the "
                f"maximum lengths or take a machine with a larger buffer"
            )
        away = self._away[name]
        for one in away.places:
            del self._away[one]
        block = self.scratch(away.block.words, f"tensor {name!r}")
        block.users = away.block.users
        _move(self._room, "load", away, block)
        moved = block.first - away.block.first
        for one, place in away.places.items():
            self._room.places[one] = replace(place, first=place.first + moved, block=block)

    def scratch(self, words: int, what: str) -> Block:
        """Words for a moment; if need be, what is needed last leaves the buffer for them."""
        while not self._room.buffer.fits(words) and self.make_room():
            pass
        block = self._room.buffer.allocate(words, what)
        block.users += 1
        return block

    def _next_use(self, name: str) -> int:
        return next((step for step in self._uses.get(name, ()) if step >= self._at), NEVER)


def ending(room: Room, step: Step) -> set[str]:
    """What only this step still reads, row by row, so that its rows may lie there."""
    first = step.operators[0]
    if room.looping or step.kind != "vector" or first.kind in {"mean_pool", "max_pool"}:
        return set()
    return {x for x in first.inputs[:2] if x in room.places and room.readers[x] == 1}


def over(room: Room, kind: str, layout: Layout, count: Length, words: int) -> Place | None:
    """Where a tensor lies that ends with this step, if one fits nowhere else."""
    if room.buffer.fits(room.most(count) * (words | 1)):
        return None
    for name in sorted(room.ending):
        old = room.places[name]
        same = kind == old.kind and layout.same(old.layout)
        if old.count == count and (same or (old.contiguous and words < old.layout.words)):
            room.ending.remove(name)
            columns = old.columns[:words]
            return room.share(replace(old, kind=kind, layout=layout, columns=columns))
    return None


def _touched(step: Step, outer: Mapping[str, str]) -> Iterator[str]:
    """What a step reads and writes, and what that lies inside of."""
    for name in (*step.inputs, *step.written):
        yield name
        while name in outer:
            name = outer[name]
            yield name


def _move(room: Room, kind: str, away: Away, block: Block) -> None:
    """A block to or from memory: the rows that there are, or all words if it holds more."""
    place = next(iter(away.places.values()))
    alike = {(one.count, one.stride, one.first) for one in away.places.values()}
    rows = room.most(place.count)
    remark = f"{', '.join(away.places)} ({kind})"
    if len(alike) == 1 and place.first == away.block.first and block.words == rows * place.stride:
        count, pieces = room.lengths.count(place.count), [(0, place.stride, rows)]
    else:
        starts = range(0, block.words, PIECE)
        count, pieces = Count(), [(start, min(PIECE, block.words - start), 1) for start in starts]
    width = room.machine.word_bytes
    for start, words, most in pieces:
        span = Span(first=block.first + start, words=words, stride=words, rows=most)
        inside, outside = [span], room.memory_spans(away.region)
        room.schedule.emit(
            kind,
            counts=(count,),
            values={
                "address": away.region.address + start * width,
                "pitch": words * width,
                "words": words,
                "buffer": block.first + start,
                "stride": words,
            },
            reads=inside if kind == "store" else outside,
            writes=outside if kind == "store" else inside,
            remark=remark,
        )
