"""Where tensors are while a program is written: in the buffer or in memory."""

from collections import Counter
from collections.abc import Sequence

from hw.accelerator.machine import Machine
from hw.program.compiler.buffer import Buffer
from hw.program.compiler.layout import Block, Place
from hw.program.compiler.lengths import Length, Lengths
from hw.program.compiler.memory import Memory, Region
from hw.program.compiler.schedule import Schedule, Span


class Room:
    """The buffer and memory of a program while it is written.

    ``places`` has every tensor that lies in the buffer. A tensor leaves it when all that read it
    are written (``used``).
    """

    def __init__(self, machine: Machine, lengths: Lengths, packed: bool) -> None:
        self.machine = machine
        self.lengths = lengths
        self.memory = Memory()
        self.buffer = Buffer(machine.buffer_words, packed)
        self.schedule = Schedule()
        self.places: dict[str, Place] = {}
        self.readers: Counter[str] = Counter()
        self.ending: set[str] = set()
        """Tensors that nothing reads after this step, in whose place a full buffer has its rows."""
        self.looping = False

    def most(self, count: Length) -> int:
        """The most rows."""
        return self.lengths.maximum(count)

    def share(self, place: Place) -> Place:
        """The same place, or a part of it, for one more tensor."""
        place.block.users += 1
        return place

    def release(self, block: Block) -> None:
        """One tensor less in a block."""
        block.users -= 1
        if not block.users:
            self.buffer.free(block)

    def used(self, *names: str) -> None:
        """An operator that reads these tensors is written."""
        for name in names:
            self.readers[name] -= 1
            if self.readers[name] <= 0 and name in self.places:
                self.release(self.places.pop(name).block)

    def span(
        self,
        place: Place,
        words: int | None = None,
        word: int | None = None,
        offset: int = 0,
        rows: int | None = None,
    ) -> Span:
        """Words ``word`` on of rows ``offset`` on, as far as they can reach."""
        return Span(
            first=(place.word if word is None else word) + offset * place.stride,
            words=place.layout.words if words is None else words,
            stride=place.stride,
            rows=self.most(place.count) - offset if rows is None else rows,
        )

    def memory_spans(self, region: Region) -> Sequence[Span]:
        """The words of a region that the program writes."""
        if region.fixed:
            return ()
        width = self.machine.word_bytes
        return [Span(first=region.address // width, words=-(-region.size // width), memory=True)]
