"""What the parts of the compiler share: the program while it is written, and where tensors are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from golden.graph import Graph
from hw.accelerator.machine import Machine
from hw.program.compiler.buffer import Buffer
from hw.program.compiler.layout import Block, Layout, Place
from hw.program.compiler.lengths import Length, Lengths, length_of
from hw.program.compiler.memory import Memory, Region
from hw.program.compiler.plan import CompilerPlan
from hw.program.compiler.schedule import Schedule, Span
from hw.program.compiler.spill import Spills, over


class Build:
    """A program while it is written: ``places`` has every tensor that lies in the buffer.

    A tensor leaves the buffer when all that read it are written (``used``).
    """

    def __init__(
        self,
        graph: Graph,
        machine: Machine,
        lengths: Lengths,
        layouts: dict[str, Layout],
        plan: CompilerPlan,
        trace: bool,
        packed: bool = False,
    ) -> None:
        self.graph = graph
        self.machine = machine
        self.lengths = lengths
        self.layouts = layouts
        self.plan = plan
        self.trace = trace
        self.memory = Memory()
        self.buffer = Buffer(machine.buffer_words, packed)
        self.spills = Spills()
        self.schedule = Schedule()
        self.places: dict[str, Place] = {}
        self.readers: Counter[str] = Counter()
        self.inside: dict[str, tuple[str, int, int]] = {}
        """Tensors that are made inside of another: its name, the row and word they begin with."""
        self.margins: dict[str, tuple[int, int]] = {}
        """Rows of zeros before and behind tensors that windows read."""
        self.compact: set[str] = set()
        """Tensors whose rows follow each other without a gap."""
        self.blocked: dict[str, int] = {}
        """Tensors of which so many rows are made at a time: in a loop over tokens, one."""
        self.ending: set[str] = set()
        """Tensors that nothing reads after this step, in whose place a full buffer has its rows."""
        self.looping = False
        self.first_set = 0
        self.tables: dict[str, range] = {}
        """Tables that the vector unit holds, by name: their segments."""
        self.channels: str = ""
        """Whose channel numbers the vector unit holds."""

    def size(self, name: str) -> tuple[int | str, ...]:
        """Shape of a tensor or constant."""
        if name in self.graph.tensors:
            return self.graph.tensors[name].shape
        return tuple(np.shape(self.graph.constants[name]))

    def rows(self, name: str) -> Length:
        """Rows of a tensor: a vector is one row."""
        if name in self.blocked:
            return Length(constant=self.blocked[name])
        shape = self.size(name)
        total = length_of(shape[0]) if len(shape) > 1 else Length(constant=1)
        for size in shape[1:-1]:
            if total.names or not isinstance(size, int):
                raise ValueError(f"tensor {name!r} of shape {shape} has rows of unknown number")
            total = Length(constant=total.constant * size)
        return total

    def most(self, count: Length) -> int:
        """The most rows."""
        return self.lengths.maximum(count)

    def make(self, name: str, kind: str = "rows", words: int | None = None) -> Place:
        """Room for a tensor: rows an odd number of words apart, so that banks take turns."""
        if name in self.spills:
            self.spills.back(self, name)
        if name in self.places:
            return self.places[name]
        if name in self.inside:
            outer, offset, word = self.inside[name]
            place = self.within(self.make(outer, kind), name, offset, word)
        else:
            layout, count = self.layouts[name], self.rows(name)
            words = layout.words if words is None else words
            if name in self.margins:
                place = self._with_margins(name, layout, count, *self.margins[name])
            else:
                found = over(self, kind, layout, count, words)
                place = found or self.place(name, kind, layout, count, words, name in self.compact)
        self.places[name] = place
        return place

    def _with_margins(
        self, name: str, layout: Layout, count: Length, before: int, behind: int
    ) -> Place:
        """Rows with zeros around them: behind as many as there are, whatever their number."""
        rows = Length(constant=before + self.most(count) + behind)
        whole = self.place(name, "rows", layout, rows, layout.words, compact=True)
        self.clear(whole, f"{name}, margins")
        return replace(whole, count=count, first=whole.first + before * whole.stride)

    def clear(self, place: Place, remark: str) -> None:
        """Zeros in every word of every row."""
        words = len(place.columns)
        zeros = np.zeros(words * self.machine.word_bytes, np.uint8)
        self.load(self.memory.add(f"zeros {words}", zeros), place, words, 0, remark=remark)

    def place(
        self,
        name: str,
        kind: str,
        layout: Layout,
        count: Length,
        words: int,
        compact: bool = False,
    ) -> Place:
        """Rows of ``words`` words in a block of their own, an odd number of words apart."""
        most = max(self.most(count), 1)
        compact = compact or not self.buffer.fits(most * (words | 1))
        stride = words if compact else words | 1
        block = self.scratch(most * stride, f"tensor {name!r}")
        return Place(
            kind=kind,
            layout=layout,
            count=count,
            first=block.first,
            stride=stride,
            columns=tuple(range(words)),
            block=block,
        )

    def share(self, place: Place) -> Place:
        """The same place, or a part of it, for one more tensor."""
        place.block.users += 1
        return place

    def scratch(self, words: int, what: str) -> Block:
        """Words for a moment; if need be, what is needed last leaves the buffer for them."""
        while not self.buffer.fits(words) and self.spills.make_room(self):
            pass
        block = self.buffer.allocate(words, what)
        block.users += 1
        return block

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

    def load(
        self,
        region: Region,
        place: Place,
        words: int,
        pitch: int,
        count: Length | None = None,
        remark: str = "",
        offset: int = 0,
    ) -> None:
        """Rows of memory to the buffer."""
        self.schedule.emit(
            "load",
            counts=(self.lengths.count(place.count if count is None else count),),
            values={
                "address": region.address + offset,
                "pitch": pitch,
                "words": words,
                "buffer": place.word,
                "stride": place.stride,
            },
            reads=self.memory_spans(region),
            writes=[self.span(place, words, rows=self.most(count) if count else None)],
            remark=remark,
        )

    def memory_spans(self, region: Region) -> Sequence[Span]:
        """The words of a region that the program writes."""
        if region.fixed:
            return ()
        width = self.machine.word_bytes
        return [Span(first=region.address // width, words=-(-region.size // width), memory=True)]

    def constant_rows(self, name: str, layout: Layout) -> Region:
        """A constant of rows of 16 bits in memory, its columns where the layout has them."""
        table = np.atleast_2d(np.asarray(self.graph.constants[name]))
        content = np.zeros((len(table), layout.words * layout.lanes), "<i2")
        content[:, layout.positions] = table.reshape(len(table), -1)
        return self.memory.add(f"{name} {layout.parts}", content)

    def within(self, place: Place, name: str, offset: int = 0, word: int = 0) -> Place:
        """Room for a tensor inside of another: rows ``offset`` on, columns of words ``word`` on."""
        layout = self.layouts[name]
        columns = place.columns[word : word + layout.words]
        return self.share(
            replace(
                place,
                layout=layout,
                count=self.rows(name),
                first=place.first + offset * place.stride,
                columns=columns,
            )
        )

    def rows_of_vector(self, name: str) -> Length:
        """The length of ids or of a mask."""
        return length_of(self.size(name)[0])

    def number(self, name: str) -> np.ndarray:
        """A constant as an array."""
        return np.asarray(self.graph.constants[name])
