"""Attention in a full buffer: codes of each head where its rows of 16 bits were.

Codes take half the words of their rows. Where a head has several words, a query has room there with
its header too.
"""

from dataclasses import replace

from golden.graph import Operator
from hw.program.compiler.attention import Operands
from hw.program.compiler.attention import attention as beside
from hw.program.compiler.build import Build
from hw.program.compiler.head_numbers import Numbers, require_spec
from hw.program.compiler.layout import Layout, Place
from hw.program.compiler.lengths import Length

OPERANDS = ("queries", "keys", "values")


def attention(build: Build, operator: Operator) -> None:
    """Codes beside their rows, or in their place where there is no room for both."""
    names = operator.inputs
    sizes = _sizes(build, operator)
    inside = _fitting(build, operator)
    if not inside or sum(sizes.values()) <= build.buffer.words - build.buffer.used:
        beside(build, operator)
        return
    require_spec(build, operator.name, operator.spec, static=True)
    needed = sum(size for what, size in sizes.items() if what not in inside)
    build.spills.make_way(names, needed)
    numbers = Numbers.of(build, names[3:8])
    query, key, value = (build.places[name] for name in names[:3])
    mask = build.places[names[8]] if len(names) > 8 else None
    operands = OperandsInPlace(build, operator, numbers, (query, key, value), inside)
    out = build.make(operator.name)
    for head in range(operator.spec.heads):
        operands.query(query, head, int(numbers.offsets[0]))
        operands.key(key, head, int(numbers.key_scale[head]))
        operands.value(value, head, int(numbers.value_scale[head]))
        operands.attend(out, head, numbers, operator.spec, mask)
    operands.finish()
    operands.release()


def _code_words(build: Build, operator: Operator) -> int:
    """Words of a head's codes."""
    layouts = [build.places[name].layout for name in operator.inputs[:3]]
    return -(-max(layout.parts[0] for layout in layouts) // build.machine.word_bytes)


def _sizes(build: Build, operator: Operator) -> dict[str, int]:
    """Words of what an attention has beside its operands: codes, contexts, on the cores scores."""
    heads, machine = operator.spec.heads, build.machine
    query, key, value = (build.places[name] for name in operator.inputs[:3])
    queries, keys = build.most(query.count), build.most(key.count)
    words = heads * _code_words(build, operator)
    sizes = {
        "queries": queries * ((words + heads) | 1),
        "keys": keys * (words | 1),
        "values": keys * (words | 1),
        "contexts": queries * (value.layout.words | 1),
    }
    if operator.spec.softmax is not None:
        scores, shares = -(-keys // machine.lanes), 1 + -(-keys // machine.word_bytes)
        sizes["scores"] = min(heads, 2) * queries * ((scores | 1) + (shares | 1))
    return sizes


def _fitting(build: Build, operator: Operator) -> set[str]:
    """Operands whose codes have room in their place, nothing else reading those."""
    names, spec = operator.inputs[:3], operator.spec
    places = [build.places[name] for name in names]
    if spec.heads == 1 or spec.linear or len(set(names)) < 3:
        return set()
    words = _code_words(build, operator)
    # A query that ends before the words that its values need would have zeros behind it.
    if places[0].layout.parts[0] <= (words - 1) * build.machine.word_bytes:
        return set()
    return {
        what
        for what, name, place in zip(OPERANDS, names, places, strict=True)
        if build.readers[name] == 1 and words + (what == "queries") <= place.layout.part_words[0]
    }


class OperandsInPlace(Operands):
    """Codes of every head in the first words of its rows, of the operands ``inside``."""

    def __init__(
        self,
        build: Build,
        operator: Operator,
        numbers: Numbers,
        places: tuple[Place, Place, Place],
        inside: set[str],
    ) -> None:
        found = dict(zip(OPERANDS, places, strict=True))
        self._sources = {what: found[what] for what in inside}
        query, key, value = places
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
        if what not in self._sources:
            return super()._codes(what, count, words)
        return self.build.share(self._sources[what])

    def _of(self, place: Place, head: int, header: int = 0) -> Place:
        if place not in self._sources.values():
            return super()._of(place, head, header)
        words = header + self.code_words
        first = place.layout.first_word(head)
        layout = Layout((words * self.build.machine.lanes,), self.build.machine.lanes)
        return replace(place, layout=layout, columns=place.columns[first : first + words])
