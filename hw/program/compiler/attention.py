"""Attention: codes of each head by the vector unit, then one instruction of the engine per head.

With a softmax of whole rows the cores attend instead (``hw.program.compiler.core_heads``).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from golden.graph import Operator
from golden.operator_spec import AttentionSpec
from golden.spec import RowScaleSpec
from hw.program.compiler import vector
from hw.program.compiler.build import Build
from hw.program.compiler.core_heads import CoreHeads, load_row_scale
from hw.program.compiler.head_numbers import Numbers, require_spec
from hw.program.compiler.layout import Layout, Place
from hw.program.compiler.lengths import Length
from hw.program.compiler.schedule import Change, Span


def attention(build: Build, operator: Operator) -> None:
    """Codes and engine, head by head, so that vector unit and engine work side by side."""
    spec: AttentionSpec = operator.spec
    require_spec(build, operator.name, spec, static=True)
    names = operator.inputs
    numbers = Numbers.of(build, names[3:8])
    query, key, value = (build.places[name] for name in names[:3])
    mask = build.places[names[8]] if len(names) > 8 else None
    operands = Operands(
        *(build, operator.name, spec.heads, query.layout, key.count, value.layout, query.count),
        *(spec, numbers),
    )
    out = build.make(operator.name)
    for head in range(spec.heads):
        operands.query(query, head, int(numbers.offsets[0]))
        operands.key(key, head, int(numbers.key_scale[head]))
        operands.value(value, head, int(numbers.value_scale[head]))
        operands.attend(out, head, numbers, spec, mask)
    operands.finish()
    operands.release()


class Operands:
    """Codes of queries, keys and values of every head, each in rows of its own.

    Parameters
    ----------
    query, value : layouts of rows that have all heads
    spec, numbers : what the cores need to know in advance, where they attend
    """

    def __init__(
        self,
        build: Build,
        name: str,
        heads: int,
        query: Layout,
        keys: Length,
        value: Layout,
        queries: Length,
        spec: AttentionSpec | None = None,
        numbers: Numbers | None = None,
    ) -> None:
        self.build, self.name, self.heads = build, name, heads
        self.query_spec = RowScaleSpec() if spec is None else spec.query
        sizes = [self._head(layout, 0)[2] for layout in (query, value)]
        self.depth, self.width = sizes
        self.cores: CoreHeads | None = None
        if spec is not None and numbers is not None and spec.softmax is not None:
            self.cores = CoreHeads(
                *(build, name, spec, queries, keys, self.depth, self.width),
                int(numbers.offsets[1]),
            )
        else:
            self._require(build.most(keys))
        widest = max(sizes)
        self.beats = -(-widest // build.machine.lanes)
        self.code_words = -(-widest // build.machine.word_bytes)
        self.queries = self._codes("queries", queries, heads * (1 + self.code_words))
        self.keys = self._codes("keys", keys, heads * self.code_words)
        self.values = self._codes("values", keys, heads * self.code_words)
        self.linear = spec is not None and spec.linear
        if self.linear and numbers is not None:
            for head in range(heads):
                load_row_scale(
                    build, self._of(self.queries, head, 1), int(numbers.offsets[0]), name
                )
        if sizes[0] <= (self.code_words - 1) * build.machine.word_bytes:
            # Queries and keys end before the words that the values need.
            for place in (self.queries, self.keys):
                build.clear(place, name)

    def _require(self, keys: int) -> None:
        """Raise ``ValueError`` if heads or keys are more than the engine takes."""
        machine, widest = self.build.machine, max(self.depth, self.width)
        if -(-self.depth // machine.lanes) > -(-self.width // machine.lanes):
            raise ValueError(
                f"attention {self.name!r} has values of {self.width} elements, fewer words than "
                f"its queries of {self.depth}: not supported"
            )
        if widest > machine.head_size:
            raise ValueError(
                f"attention {self.name!r} has heads of {widest}, but the engine's are "
                f"{machine.head_size} at most: take a machine with a larger head_size"
            )
        if keys > machine.longest:
            raise ValueError(
                f"attention {self.name!r} has up to {keys} keys, but the engine takes "
                f"{machine.longest}: lower the maximum length"
            )

    def query(self, source: Place, head: int, offset: int) -> None:
        """Codes of a head's queries, each with its row scale; linear ones have theirs already."""
        values = vector.codes(self.query_spec, offset, header=not self.linear)
        codes = self._of(self.queries, head, 1)
        if self.linear:
            codes = replace(codes, columns=codes.columns[1:])
        self._quantize(source, head, codes, values, "queries")

    def key(self, source: Place, head: int, scale: int, **more: Any) -> None:
        """Codes of a head's keys with a static scale."""
        values = vector.codes(RowScaleSpec(static_scale=scale), 0, header=False)
        self._quantize(source, head, self._of(self.keys, head), values, "keys", **more)

    def value(self, source: Place, head: int, scale: int, **more: Any) -> None:
        """Codes of a head's values with a static scale."""
        values = vector.codes(RowScaleSpec(static_scale=scale), 0, header=False)
        self._quantize(source, head, self._of(self.values, head), values, "values", **more)

    def attend(
        self,
        out: Place,
        head: int,
        numbers: Numbers,
        spec: AttentionSpec,
        mask: Place | None,
        changes: tuple[Change, ...] = (),
    ) -> None:
        """One head on the engine, or on the cores."""
        build = self.build
        queries, all_keys = self.queries.count, self.keys.count
        of = {
            "queries": self._of(self.queries, head, 1),
            "keys": self._of(self.keys, head),
            "values": self._of(self.values, head),
        }
        if self.cores is not None:
            word = out.columns.index(out.part(head) - out.first)
            multipliers = (numbers.score_multiplier[head], numbers.context_multiplier[head])
            self.cores.attend(
                head,
                of,
                replace(out, columns=out.columns[word:]),
                (int(multipliers[0]), int(multipliers[1])),
                mask,
            )
            return
        values: dict[str, int] = {"causal": int(spec.causal), "masked": int(mask is not None)}
        reads = []
        for name, place in of.items():
            values |= {name: place.word, f"{name}_stride": place.stride}
            reads.append(build.span(place))
        if mask is not None:
            values["mask"] = mask.first
            blocks = -(-build.most(mask.count) // build.machine.key_block)
            reads.append(Span(first=mask.first, words=blocks))
        first, beats = out.part(head), self.beats
        build.schedule.emit(
            "attend",
            counts=(
                build.lengths.count(queries),
                build.lengths.count(all_keys),
            ),
            values={
                **values,
                "beats": beats,
                "contexts": first,
                "contexts_stride": out.stride,
                "score_multiplier": int(numbers.score_multiplier[head]),
                "context_multiplier": int(numbers.context_multiplier[head]),
                "context_offset": int(numbers.offsets[1]),
                "probability_bits": spec.probability_bits,
            },
            reads=reads,
            writes=[build.span(out, beats, first)],
            changes=changes,
            remark=f"{self.name}, head {head}",
        )

    def finish(self) -> None:
        """Write what is left of the heads that were attended to."""
        if self.cores is not None:
            self.cores.finish()

    def release(self) -> None:
        """Give the codes' words back."""
        if self.cores is not None:
            self.cores.release()
        for place in (self.queries, self.keys, self.values):
            self.build.release(place.block)

    def _codes(self, what: str, count: Length, words: int) -> Place:
        layout = Layout((words * self.build.machine.lanes,), self.build.machine.lanes)
        return self.build.place(f"{self.name}, codes of {what}", "codes", layout, count, words)

    def _of(self, place: Place, head: int, header: int = 0) -> Place:
        """A head's part of the codes."""
        words = header + self.code_words
        layout = Layout((words * self.build.machine.lanes,), self.build.machine.lanes)
        columns = tuple(range(head * words, (head + 1) * words))
        return replace(place, layout=layout, columns=columns)

    def _head(self, layout: Layout, head: int) -> tuple[int, int, int]:
        """First word, words and elements of a head in a row; a single head is the whole row."""
        if self.heads == 1:
            return 0, layout.words, layout.elements
        return layout.first_word(head), layout.part_words[head], layout.parts[head]

    def _quantize(
        self,
        source: Place,
        head: int,
        codes: Place,
        values: Mapping[str, int],
        what: str,
        changes: tuple[Change, ...] = (),
        row: int = 0,
    ) -> None:
        first, words, size = self._head(source.layout, head)
        if row:
            left = Length(constant=self.build.most(codes.count) - row)
            codes = replace(codes, first=codes.first + row * codes.stride, count=left)
        part = replace(
            source,
            layout=Layout((size,), self.build.machine.lanes),
            columns=source.columns[first : first + words],
        )
        vector.emit(
            self.build,
            vector.Rows(
                sources={"a": part},
                values=dict(values),
                codes=codes,
                changes=changes,
                remark=f"{self.name}, {what} of head {head}",
            ),
            source.count,
            size,
        )
