"""What the parts of the compiler share: the program while it is written, and where tensors are."""

from dataclasses import replace

import numpy as np

from golden.graph import Graph
from hw.accelerator.machine import Machine
from hw.program.compiler.layout import Block, Layout, Place
from hw.program.compiler.lengths import Length, Lengths, length_of
from hw.program.compiler.memory import Region
from hw.program.compiler.plan import CompilerPlan
from hw.program.compiler.room import Room
from hw.program.compiler.spill import Spills, over
from hw.program.compiler.steps import Step


class Build(Room):
    """A program while it is written: its graph, and the form of every tensor."""

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
        super().__init__(machine, lengths, packed)
        self.graph = graph
        self.layouts = layouts
        self.plan = plan
        self.trace = trace
        self.spills = Spills(self)
        self.inside: dict[str, tuple[str, int, int]] = {}
        """Tensors that are made inside of another: its name, the row and word they begin with."""
        self.margins: dict[str, tuple[int, int]] = {}
        """Rows of zeros before and behind tensors that windows read."""
        self.compact: set[str] = set()
        """Tensors whose rows follow each other without a gap."""
        self.blocked: dict[str, int] = {}
        """Tensors of which so many rows are made at a time: in a loop over tokens, one."""
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

    def make(self, name: str, kind: str = "rows", words: int | None = None) -> Place:
        """Room for a tensor: rows an odd number of words apart, so that banks take turns."""
        if name in self.spills:
            self.spills.back(name)
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

    def scratch(self, words: int, what: str) -> Block:
        """Words for a moment; if need be, what is needed last leaves the buffer for them."""
        return self.spills.scratch(words, what)

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

    def largest(self, step: Step) -> int:
        """Words of the largest tensor that a step makes; of products, of all side by side."""
        made = [x for x in step.written if x not in self.inside and x not in self.places]
        sizes = [self.most(self.rows(x)) * self.layouts[x].words for x in made]
        return sum(sizes) if step.kind == "linear" else max(sizes, default=0)
