"""Attention in a full buffer: codes of each head where its rows of 16 bits were.

Codes take half the words of their rows, so with its header a head of a query has room there too.
"""

from dataclasses import replace

from golden.graph import Operator
from hw.program.compiler.attention import Numbers, Operands, require_spec
from hw.program.compiler.attention import attention as beside
from hw.program.compiler.build import Build
from hw.program.compiler.layout import Layout, Place
from hw.program.compiler.lengths import Length


def attention(build: Build, operator: Operator) -> None:
    """Codes beside their rows, or in their place where there is no room for both."""
    if not _is_crowded(build, operator):
        beside(build, operator)
        return
    require_spec(build, operator.name, operator.spec, static=True)
    names = operator.inputs
    numbers = Numbers.of(build, names[3:8])
    query, key, value = (build.places[name] for name in names[:3])
    mask = build.places[names[8]] if len(names) > 8 else None
    operands = OperandsInPlace(build, operator, numbers, query, key, value)
    out = build.make(operator.name)
    for head in range(operator.spec.heads):
        operands.query(query, head, int(numbers.offsets[0]))
        operands.key(key, head, int(numbers.key_scale[head]))
        operands.value(value, head, int(numbers.value_scale[head]))
        operands.attend(out, head, numbers, operator.spec, mask)
    operands.finish()
    operands.release()


def _is_crowded(build: Build, operator: Operator) -> bool:
    """Whether codes do not fit beside their rows, but in their place: nothing else reads those."""
    names, heads = operator.inputs[:3], operator.spec.heads
    places = [build.places[name] for name in names]
    if (
        heads == 1
        or operator.spec.linear
        or len(set(names)) < 3
        or any(build.readers[name] != 1 for name in names)
    ):
        return False
    parts = [place.layout.parts[0] for place in places]
    codes = -(-max(parts) // build.machine.word_bytes)
    room = [place.layout.part_words[0] for place in places]
    # A query that ends before the words that its values need would have zeros behind it.
    full = parts[0] > (codes - 1) * build.machine.word_bytes
    fits = full and all(codes + (index == 0) <= words for index, words in enumerate(room))
    needed = sum(
        build.most(place.count) * heads * (codes + (index == 0))
        for index, place in enumerate(places)
    )
    out = build.most(places[0].count) * places[2].layout.words
    return fits and needed + out > build.buffer.words - build.buffer.used


class OperandsInPlace(Operands):
    """Codes of every head in the first words of its rows."""

    def __init__(
        self,
        build: Build,
        operator: Operator,
        numbers: Numbers,
        query: Place,
        key: Place,
        value: Place,
    ) -> None:
        self._sources = {"queries": query, "keys": key, "values": value}
        super().__init__(
            build,
            operator.name,
            operator.spec.heads,
            query.layout,
            key.count,
            value.layout,
            query.count,
            operator.spec,
            numbers,
        )

    def _codes(self, what: str, count: Length, words: int) -> Place:
        return self.build.share(self._sources[what])

    def _of(self, place: Place, head: int, header: int = 0) -> Place:
        words = header + self.code_words
        first = place.layout.first_word(head)
        layout = Layout((words * self.build.machine.lanes,), self.build.machine.lanes)
        return replace(place, layout=layout, columns=place.columns[first : first + words])
