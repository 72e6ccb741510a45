"""Recurrent operators: states kept in the buffer, steps looped by the sequencer.

A tensor of which a loop over tokens holds one row at a time makes one step, without a loop.
"""

from collections.abc import Mapping, Sequence

from golden.graph import Operator
from golden.operator_spec import AdditiveAttentionSpec, AttentionRecurrentSpec
from hw.program.compiler import vector
from hw.program.compiler.additive import Additive
from hw.program.compiler.attention import Operands
from hw.program.compiler.build import Build
from hw.program.compiler.cells import ONE, Cell, Weights
from hw.program.compiler.head_numbers import Numbers, require_spec
from hw.program.compiler.layout import Layout, Place
from hw.program.compiler.loop import rows_loop


class Recurrent:
    """An ``rnn``, ``gru`` or ``lstm``, with its states in places of their own."""

    def __init__(self, build: Build, operator: Operator) -> None:
        self.build, self.operator = build, operator
        gru = operator.kind == "gru"
        names = operator.inputs
        self.weights = Weights(
            weight=names[1],
            multiplier=names[2],
            offset=names[3],
            bias=names[4] if gru else "",
        )
        self.cell = Cell(build, operator.name, operator.spec)
        given = names[5 if gru else 4 :]
        size = build.number(names[1]).shape[0]
        self.states = start_states(
            build, operator.name, given, size, 2 if operator.kind == "lstm" else 1
        )
        self.cell.tables()

    def scan(self) -> None:
        """All steps."""
        build, operator = self.build, self.operator
        gates = build.places[operator.inputs[0]]
        outputs = [build.make(name) for name in operator.outputs]
        with rows_loop(build, operator.name, gates.count, operator.spec.reverse) as index:
            self.cell.step(operator.kind, gates, self.weights, self.states, {"a": index})
            for state, output in zip(self.states, outputs, strict=False):
                self.cell.rows({"a": state}, "a", output, moved={"result": index})
        self.release()

    def step(self) -> None:
        """One step, in a loop over tokens; the states are its outputs."""
        build, operator = self.build, self.operator
        gates = build.places[operator.inputs[0]]
        self.cell.step(operator.kind, gates, self.weights, self.states, {})
        for name, state in zip(operator.outputs, self.states, strict=False):
            build.places[name] = build.share(state)

    def release(self) -> None:
        """Give the states and scratch rows back."""
        self.cell.release()
        for state in self.states:
            self.build.release(state.block)


class AttentionRecurrent:
    """A cell that attends before every step."""

    def __init__(self, build: Build, operator: Operator) -> None:
        self.build, self.operator = build, operator
        spec: AttentionRecurrentSpec = operator.spec
        count = 2 if spec.cell == "lstm" else 1
        names = list(operator.inputs[3:])
        given = [names.pop(0) for _ in range(count)]
        self.to_query, self.to_gates = (
            Weights(**{key: names.pop(0) for key in ("weight", "multiplier", "offset")})
            for _ in range(2)
        )
        self.weights = Weights(
            weight=names.pop(0),
            multiplier=names.pop(0),
            offset=names.pop(0),
            bias=names.pop(0) if spec.cell == "gru" else "",
        )
        self.cell = Cell(build, operator.name, spec.recurrent)
        size = build.number(self.weights.weight).shape[0]
        self.states = start_states(build, operator.name, given, size, count)
        self.cell.tables()
        key, value = (build.places[name] for name in operator.inputs[1:3])
        if isinstance(spec.attention, AdditiveAttentionSpec):
            self.attend: Additive | Dot = Additive(
                build, operator.name, spec.attention, key, value, names
            )
        else:
            self.attend = Dot(build, operator.name, spec, key, value, names)
        self.width = key.layout.columns
        self.context = self.cell.scratch("context", value.layout.parts)
        self.sum = self.cell.scratch("gates", build.layouts[operator.inputs[0]].parts)

    def _one(self, gates: Place, moved: Mapping[str, int]) -> None:
        cell = self.cell
        query = cell.product("query", self.states[0], self.to_query, (self.width,))
        self.attend(query, self.context)
        inner = cell.product("context gates", self.context, self.to_gates, self.sum.layout.parts)
        cell.rows({"a": gates, "b": inner}, "add", self.sum, moved=moved)
        cell.step(self.operator.spec.cell, self.sum, self.weights, self.states, {})

    def scan(self) -> None:
        """All steps."""
        build, operator = self.build, self.operator
        gates = build.places[operator.inputs[0]]
        outputs = [build.make(name) for name in operator.outputs]
        with rows_loop(build, operator.name, gates.count) as index:
            self._one(gates, {"a": index})
            for state, output in zip((*self.states, self.context), outputs, strict=True):
                self.cell.rows({"a": state}, "a", output, moved={"result": index})
        self.release()

    def step(self) -> None:
        """One step, in a loop over tokens; states and context are its outputs."""
        build, operator = self.build, self.operator
        self._one(build.places[operator.inputs[0]], {})
        for name, place in zip(operator.outputs, (*self.states, self.context), strict=True):
            build.places[name] = build.share(place)

    def release(self) -> None:
        """Give what it holds back."""
        self.cell.release()
        self.attend.release()
        for state in self.states:
            self.build.release(state.block)


class Dot:
    """Scaled dot attention of one query and one head; the keys' codes are made once."""

    def __init__(
        self,
        build: Build,
        name: str,
        spec: AttentionRecurrentSpec,
        key: Place,
        value: Place,
        names: Sequence[str],
    ) -> None:
        self.spec = spec.attention
        require_spec(build, name, self.spec)  # type: ignore[arg-type]
        self.numbers = Numbers.of(build, tuple(names[:5]))
        self.mask = build.places[names[5]] if len(names) > 5 else None
        self.operands = Operands(build, name, 1, key.layout, key.count, value.layout, ONE)
        self.operands.key(key, 0, int(self.numbers.key_scale[0]))
        self.operands.value(value, 0, int(self.numbers.value_scale[0]))

    def __call__(self, query: Place, out: Place) -> None:
        """The context of one query."""
        self.operands.query(query, 0, int(self.numbers.offsets[0]))
        self.operands.attend(out, 0, self.numbers, self.spec, self.mask)  # type: ignore[arg-type]

    def release(self) -> None:
        """Give the codes back."""
        self.operands.release()


def start_states(
    build: Build, name: str, given: Sequence[str], size: int, count: int
) -> list[Place]:
    """Places of the states, with what is given to start from, or zeros."""
    layout = Layout((size,), build.machine.lanes)
    states = []
    for index in range(count):
        place = build.place(f"{name}, state {index}", "rows", layout, ONE, layout.words)
        states.append(place)
        source = given[index] if given else ""
        if source in build.places:
            vector.emit(
                build,
                vector.Rows(sources={"a": build.places[source]}, result=place, remark=name),
                ONE,
                layout.elements,
            )
            continue
        if not source:
            build.clear(place, name)
            continue
        region = build.constant_rows(source, layout)
        build.load(region, place, layout.words, 0, remark=name)
    return states
