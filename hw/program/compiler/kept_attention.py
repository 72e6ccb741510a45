"""Attention in a loop over tokens, whose keys and values stay in the buffer as codes."""

from collections.abc import Callable, Sequence

from golden.graph import Operator
from hw.program.compiler.attention import Operands
from hw.program.compiler.build import Build
from hw.program.compiler.cells import ONE
from hw.program.compiler.head_numbers import Numbers, require_spec
from hw.program.compiler.layout import Layout, Place
from hw.program.compiler.lengths import Length
from hw.program.compiler.schedule import Change


class KeptAttention:
    """Attention of one query at a time.

    Codes of the source's keys and values are made once, before the loop; those of the tokens grow
    by a row a step, behind learned rows if there are any.

    Parameters
    ----------
    looped : the operators of the loop
    index : the register that counts the steps
    keys : the number of keys at a step, with so many learned ones
    """

    def __init__(
        self,
        build: Build,
        operator: Operator,
        looped: Sequence[Operator],
        index: int,
        keys: Callable[[int], Length],
    ) -> None:
        self.build, self.operator, self.index = build, operator, index
        self.spec = operator.spec
        require_spec(build, operator.name, self.spec)
        names = operator.inputs
        self.numbers = Numbers.of(build, names[3:8])
        makers = {name: one for one in looped for name in one.outputs}
        self.grows = names[1] in makers
        if self.grows != (names[2] in makers):
            raise ValueError(f"attention {operator.name!r} grows by keys or values alone")
        tables = [
            makers[name].inputs[1]
            for name in names[1:3]
            if self.grows and makers[name].kind == "prepend"
        ]
        self.learned = len(build.number(tables[0])) if tables else 0
        layouts = [build.layouts[name] for name in names[:3]]
        count = keys(self.learned) if self.grows else build.places[names[1]].count
        self.operands = Operands(
            *(build, operator.name, self.spec.heads, layouts[0], count, layouts[2], ONE),
            *(self.spec, self.numbers),
        )
        if not self.grows:
            self._keep(*(build.places[name] for name in names[1:3]))
        elif self.learned:
            pairs = zip(tables, layouts[1:], strict=True)
            places = [self._table(name, layout) for name, layout in pairs]
            self._keep(*places)
            for place in places:
                build.release(place.block)

    def step(self) -> None:
        """This step's query, and its key and value where they grow."""
        build, names = self.build, self.operator.inputs
        query = build.places[names[0]]
        mask = build.places[names[8]] if len(names) > 8 else None
        out = build.make(self.operator.name)
        for head in range(self.spec.heads):
            self.operands.query(query, head, int(self.numbers.offsets[0]))
            if self.grows:
                key, value = (build.places[name] for name in names[1:3])
                self._keep_head(head, key, value, self.learned, self.index)
            self.operands.attend(out, head, self.numbers, self.spec, mask)
        self.operands.finish()

    def _keep(self, key: Place, value: Place) -> None:
        for head in range(self.spec.heads):
            self._keep_head(head, key, value)

    def _keep_head(
        self, head: int, key: Place, value: Place, row: int = 0, index: int | None = None
    ) -> None:
        """Codes of a head's keys and values from ``row`` on, moved by the register ``index``."""
        operands, numbers = self.operands, self.numbers
        for place, target, write, scales in (
            (key, operands.keys, operands.key, numbers.key_scale),
            (value, operands.values, operands.value, numbers.value_scale),
        ):
            changes: tuple[Change, ...] = ()
            if index is not None:
                changes = (Change(field="codes", register=index, factor=target.stride),)
            write(place, head, int(scales[head]), row=row, changes=changes)

    def _table(self, name: str, layout: Layout) -> Place:
        """Learned rows in the buffer."""
        build, rows = self.build, Length(constant=self.learned)
        place = build.place(name, "rows", layout, rows, layout.words)
        region = build.constant_rows(name, layout)
        pitch = layout.words * build.machine.word_bytes
        build.load(region, place, layout.words, pitch, remark=name)
        return place
