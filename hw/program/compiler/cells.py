"""One step of RNN, GRU and LSTM: a product of the state's codes, then the vector unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from golden.operator_spec import RecurrentSpec
from golden.table_spec import TableSpec
from hw.program.compiler import vector
from hw.program.compiler.build import Build
from hw.program.compiler.layout import Layout, Place
from hw.program.compiler.lengths import Length
from hw.program.compiler.numbers import function
from hw.program.compiler.products import multiply, require_default, word_order
from hw.program.compiler.schedule import Change
from hw.program.compiler.tiles import Product

ONE = Length(constant=1)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A product of a state or a context: constants by their names."""

    weight: str
    multiplier: str
    offset: str
    bias: str = ""


def part(place: Place, first: int, count: int = 1) -> Place:
    """Parts of a row as a place of their own."""
    start = place.layout.first_word(first)
    layout = Layout(place.layout.parts[first : first + count], place.layout.lanes)
    return replace(place, layout=layout, columns=place.columns[start : start + layout.words])


class Cell:
    """Appends steps of a cell; scratch rows are given away once and used in every step."""

    def __init__(self, build: Build, name: str, spec: RecurrentSpec) -> None:
        require_default(name, spec.requantize)
        self.build, self.name, self.spec = build, name, spec
        self._scratch: dict[str, Place] = {}

    def tables(self) -> None:
        """Load the tables that steps read, before the loop."""
        for table in (self.spec.sigmoid, self.spec.tanh, self.spec.cell_tanh):
            function(self.build, table)

    def release(self) -> None:
        """Give the scratch rows back."""
        for place in self._scratch.values():
            self.build.release(place.block)
        self._scratch = {}

    def scratch(self, what: str, parts: Sequence[int], kind: str = "rows") -> Place:
        """A row of its own, the same at every call."""
        if what not in self._scratch:
            layout = Layout(tuple(parts), self.build.machine.lanes)
            words = layout.words
            if kind == "scaled":
                words = 1 + -(-layout.elements // self.build.machine.word_bytes)
            name = f"{self.name}, {what}"
            self._scratch[what] = self.build.place(name, kind, layout, ONE, words)
        return self._scratch[what]

    def rows(
        self,
        sources: Mapping[str, Place],
        combine: str,
        result: Place | None = None,
        table: TableSpec | None = None,
        codes: Place | None = None,
        values: Mapping[str, int] | None = None,
        moved: Mapping[str, int] | None = None,
    ) -> None:
        """One vector instruction on one row; ``moved`` are registers that choose operands' rows."""
        more = dict(values or {}) | vector.combine(combine)
        if table is not None:
            more |= function(self.build, table)
        places = {**sources, **({"result": result} if result else {})}
        changes = tuple(
            Change(field=letter, register=register, factor=places[letter].stride)
            for letter, register in (moved or {}).items()
            if letter in places
        )
        vector.emit(
            self.build,
            vector.Rows(
                sources=dict(sources),
                values=more,
                result=result,
                codes=codes,
                changes=changes,
                remark=self.name,
            ),
            ONE,
            sources["a"].layout.elements,
        )

    def product(
        self, what: str, source: Place, weights: Weights, parts: Sequence[int],
        moved: Mapping[str, int] | None = None,
    ) -> Place:  # fmt: skip
        """Codes of a row, times a matrix: a row of parts."""
        offset = int(self.build.number(weights.offset))
        codes = self.scratch(f"{what}, codes", source.layout.parts, "scaled")
        values = vector.codes(self.spec.state, offset)
        self.rows({"a": source}, "a", codes=codes, values=values, moved=moved)
        return self.multiply(what, codes, weights, parts)

    def multiply(
        self, what: str, codes: Place, weights: Weights, parts: Sequence[int], first: int = 0
    ) -> Place:
        """Codes times the columns of a matrix from ``first`` on."""
        build = self.build
        columns = slice(first, first + sum(parts))
        weight = build.number(weights.weight)[:, columns]
        bias = build.number(weights.bias)[columns] if weights.bias else np.zeros(sum(parts), int)
        layout = Layout(tuple(parts), build.machine.lanes)
        name = f"{self.name}.{what}"
        product = Product(
            name=name,
            weight=weight,
            multiplier=build.number(weights.multiplier)[columns],
            bias=bias,
            layout=layout,
        )
        place = self.scratch(what, parts)
        multiply(build, codes, [product], word_order([layout], False), place, name)
        return place

    def step(
        self, kind: str, gates: Place, weights: Weights, states: Sequence[Place],
        moved: Mapping[str, int],
    ) -> None:  # fmt: skip
        """``states`` become those after the step; ``moved`` says which row of ``gates``."""
        {"rnn": self._rnn, "gru": self._gru, "lstm": self._lstm}[kind](
            gates, weights, states, moved
        )

    def _rnn(
        self, gates: Place, weights: Weights, states: Sequence[Place], moved: Mapping[str, int]
    ) -> None:
        (h,) = states
        recurrent = self.product("product", h, weights, h.layout.parts)
        self.rows({"a": gates, "b": recurrent}, "add", h, self.spec.tanh, moved=moved)

    def _gru(
        self, gates: Place, weights: Weights, states: Sequence[Place], moved: Mapping[str, int]
    ) -> None:
        (h,) = states
        size = h.layout.columns
        both = self.scratch("reset and update", (size, size))
        reset, update = part(both, 0), part(both, 1)
        after = self.scratch("reset product", (size,))
        candidate = self.scratch("candidate", (size,))
        count = 3 if self.spec.reset_after else 2
        recurrent = self.product("product", h, weights, (size,) * count)
        sums = {"a": part(gates, 0, 2), "b": part(recurrent, 0, 2)}
        self.rows(sums, "add", both, self.spec.sigmoid, moved=moved)
        if self.spec.reset_after:
            self.rows({"a": part(recurrent, 2), "b": reset}, "gate", after)
        else:
            codes = self.scratch("reset codes", (size,), "scaled")
            values = vector.codes(self.spec.state, int(self.build.number(weights.offset)))
            self.rows({"a": h, "b": reset}, "gate", codes=codes, values=values)
            after = self.multiply("candidate product", codes, weights, (size,), 2 * size)
        sums = {"a": part(gates, 2), "b": after}
        self.rows(sums, "add", candidate, self.spec.tanh, moved=moved)
        self.rows({"a": update, "b": h, "c": candidate}, "gru", h)

    def _lstm(
        self, gates: Place, weights: Weights, states: Sequence[Place], moved: Mapping[str, int]
    ) -> None:
        h, c = states
        size = h.layout.columns
        # i, f, o and the candidate: c and d of an instruction are i and the candidate.
        active = self.scratch("gates", (size,) * 4)
        inner = self.scratch("cell", (size,))
        recurrent = self.product("product", h, weights, (size,) * 4)
        sums = {"a": part(gates, 0, 3), "b": part(recurrent, 0, 3)}
        self.rows(sums, "add", part(active, 0, 3), self.spec.sigmoid, moved=moved)
        sums = {"a": part(gates, 3), "b": part(recurrent, 3)}
        self.rows(sums, "add", part(active, 3), self.spec.tanh, moved=moved)
        i, f, o, candidate = (part(active, index) for index in range(4))
        values = {"cell_bits": self.spec.cell_fraction_bits}
        self.rows({"a": c, "b": f, "c": i, "d": candidate}, "cell", c, values=values)
        self.rows({"a": c}, "a", inner, self.spec.cell_tanh)
        self.rows({"a": inner, "b": o}, "gate", h)
