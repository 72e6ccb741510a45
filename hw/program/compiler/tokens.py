"""Greedy decoding: what does not depend on the tokens once, the rest in a loop over tokens.

index = 0; token = start
do  logits = rest of the network for one row, keys and values of earlier rows kept
    token = argmax(logits), stored; index += 1
while token != end and index < limit
"""

from typing import Any

import numpy as np

from golden.graph import Graph, Operator
from hw.program.compiler import vector
from hw.program.compiler.additive import Additive
from hw.program.compiler.build import Build
from hw.program.compiler.cells import ONE
from hw.program.compiler.kept_attention import KeptAttention
from hw.program.compiler.layout import Layout, Place
from hw.program.compiler.lengths import Length
from hw.program.compiler.loop import begin
from hw.program.compiler.memory import Region
from hw.program.compiler.numbers import function
from hw.program.compiler.recurrent import AttentionRecurrent, Recurrent
from hw.program.compiler.schedule import Change
from hw.program.compiler.steps import Step
from hw.program.compiler.transfers import load_words
from hw.program.decoding import Decoding
from hw.program.fields import CONDITIONS
from hw.program.formats import Format


def dependent(graph: Graph, growing: str) -> tuple[list[Operator], list[Operator]]:
    """Operators that run once, and those that read the growing input."""
    reached = {growing}
    once, again = [], []
    for operator in graph.operators:
        if reached.isdisjoint(operator.inputs):
            once.append(operator)
        else:
            reached.update(operator.outputs)
            again.append(operator)
    return once, again


class TokenLoop:
    """The registers and places of a loop over tokens, and what its operators keep."""

    def __init__(self, build: Build, decoding: Decoding) -> None:
        self.build, self.decoding = build, decoding
        lengths = build.lengths
        self.index, self.token = lengths.new_register(), lengths.new_register()
        self._steps: dict[int, int] = {}
        self.kept: dict[str, Any] = {}
        width = build.machine.word_bytes
        self._tokens: Region = build.memory.reserve("tokens", decoding.limit * width)
        self._word: Place = build.place(
            "the token", "ids", Layout((1,), build.machine.lanes), ONE, 1
        )

    def prepare(self, operators: list[Operator]) -> None:
        """What the loop keeps: codes of keys and values, states, tables."""
        build = self.build
        made = {name for one in operators for name in one.outputs}
        build.blocked = dict.fromkeys((self.decoding.growing, *made), 1)
        for one in operators:
            if one.kind == "attention":
                self.kept[one.name] = KeptAttention(build, one, operators, self.index, self.keys)
            elif one.kind == "additive_attention":
                key, value = (build.places[name] for name in one.inputs[1:3])
                self.kept[one.name] = Additive(
                    build, one.name, one.spec, key, value, one.inputs[3:]
                )
            elif one.kind in {"rnn", "gru", "lstm"}:
                self.kept[one.name] = Recurrent(build, one)
            elif one.kind == "attention_recurrent":
                self.kept[one.name] = AttentionRecurrent(build, one)
            elif one.kind == "activation":
                function(build, one.spec)

    def keys(self, rows: int) -> Length:
        """How many keys there are at a step: those of the tokens, and ``rows`` before them."""
        name = f"steps, {rows} before"
        if rows not in self._steps:
            limit = self.decoding.limit + rows
            self._steps[rows] = self.build.lengths.name_register(name, limit)
        return Length(names=(name,))

    def begin(self) -> None:
        """The first token, the counters, the loop's border."""
        build, place = self.build, self._word
        start = np.zeros(build.machine.word_bytes // 4, "<i4")
        start[0] = self.decoding.start
        region = build.memory.add("first token", start)
        load_words(build, region, place.block, "first token")
        build.places[self.decoding.growing] = build.share(place)
        build.schedule.emit("set", values={"to": self.index}, remark="index")
        for rows, register in self._steps.items():
            build.schedule.emit("set", values={"to": register, "value": 1 + rows}, remark="steps")
        begin(build, "token")

    def end(self, logits: Place) -> Format:
        """The likeliest token, to memory and to the next step; where tokens lie in memory."""
        build, schedule, limit = self.build, self.build.schedule, self.decoding.limit
        vector.emit(
            build,
            vector.Rows(
                sources={"a": logits}, values={"argmax": 1}, result=self._word, remark="token"
            ),
            ONE,
            logits.layout.elements,
        )
        width = build.machine.word_bytes
        schedule.emit(
            "store",
            values={"address": self._tokens.address, "words": 1, "buffer": self._word.word},
            reads=[build.span(self._word)],
            writes=build.memory_spans(self._tokens),
            changes=[Change(field="address", register=self.index, factor=width)],
            remark="token",
        )
        schedule.emit(
            "read",
            values={"to": self.token, "word": self._word.word},
            reads=[build.span(self._word)],
            remark="token",
        )
        for register in (self.index, *self._steps.values()):
            values = {"to": register, "left": register, "alone": 1, "value": 1}
            schedule.emit("add", values=values, remark="one token more")
        compare = {"immediate": 1, "left": self.token, "value": self.decoding.end}
        schedule.emit(
            "branch",
            values={**compare, "condition": CONDITIONS["equal"]},
            target="done",
            remark="the last token",
        )
        compare = {"immediate": 1, "left": self.index, "value": limit}
        schedule.emit(
            "branch",
            values={**compare, "condition": CONDITIONS["less"]},
            target="token",
            remark="the next token",
        )
        schedule.place("done")
        schedule.emit("sync", remark="done")
        build.looping = False
        return Format(
            kind="tokens",
            address=self._tokens.address,
            pitch=width,
            shape=(limit, 1),
            columns=(0,),
            block=self.decoding.end,
        )

    def additive(self, step: Step) -> None:
        """Additive attention of this step's query."""
        (operator,) = step.operators
        query = self.build.places[operator.inputs[0]]
        self.kept[operator.name](query, self.build.make(operator.name))

    def prepend(self, step: Step) -> None:
        """Rows before the first token came before the loop: a step has its own row only."""
        (operator,) = step.operators
        places = self.build.places
        places[operator.name] = self.build.share(places[operator.inputs[0]])

    def position(self, operator: Operator) -> None:
        """The row of a table that belongs to this step."""
        build = self.build
        place = build.make(operator.name)
        rows = int(build.number(operator.inputs[1]).shape[0])
        if rows < self.decoding.limit:
            raise ValueError(
                f"operator {operator.name!r} has {rows} positions, fewer than the "
                f"{self.decoding.limit} tokens of the limit: lower it"
            )
        region, words = build.constant_rows(operator.inputs[1], place.layout), place.layout.words
        build.schedule.emit(
            "load",
            values={
                "address": region.address,
                "words": words,
                "buffer": place.word,
                "stride": place.stride,
            },
            writes=[build.span(place)],
            changes=[
                Change(
                    field="address", register=self.index, factor=words * build.machine.word_bytes
                )
            ],
            remark=operator.name,
        )
