"""Attention on the cores: keys and values are their weights, softmax is the vector unit's."""

from collections.abc import Callable

import numpy as np

from golden.operator_spec import AttentionSpec
from golden.spec import RowScaleSpec
from hw.program.compiler.build import Build
from hw.program.compiler.layout import Layout, Place
from hw.program.compiler.lengths import Length
from hw.program.compiler.numbers import function
from hw.program.compiler.row_product import multiply_rows
from hw.program.compiler.schedule import Span
from hw.program.fields import COMBINES, SCALES


class CoreHeads:
    """Scores, probabilities and contexts of one head after the other.

    The scores of a head are asked for before the contexts of the head in front of it, so that the
    cores work while the vector unit computes a softmax; two heads have their own words for that.

    Parameters
    ----------
    queries, keys : how many there are
    depth, width : elements of a query and of a value of one head
    offset : power of two that is every row's scale of the contexts
    """

    def __init__(
        self,
        build: Build,
        name: str,
        spec: AttentionSpec,
        queries: Length,
        keys: Length,
        depth: int,
        width: int,
        offset: int,
    ) -> None:
        self.build, self.name, self.spec = build, name, spec
        self.queries, self.keys = queries, keys
        machine, most = build.machine, max(build.most(keys), 1)
        if most > machine.width:
            raise ValueError(
                f"attention {name!r} has up to {most} keys, but the vector unit's softmax takes "
                f"rows of {machine.width}: lower the maximum length"
            )
        self._depth_tiles = -(-depth // machine.word_bytes)
        self._width_tiles = -(-width // machine.lanes)
        self._key_tiles = -(-most // machine.lanes)
        self._key_words = -(-most // machine.word_bytes)
        rooms = min(spec.heads, 2)
        self._scores = [self._rows("scores", self._key_tiles) for _ in range(rooms)]
        self._shares = [self._rows("probabilities", 1 + self._key_words) for _ in range(rooms)]
        for place in self._shares:
            load_row_scale(build, place, offset, name)
        if spec.linear:
            # A loop can load no tables.
            function(build, spec.logarithm)
        self._waits: list[Callable[[], None]] = []

    def attend(
        self,
        head: int,
        of: dict[str, Place],
        context: Place,
        multipliers: tuple[int, int],
        mask: Place | None,
    ) -> None:
        """One head: its codes ``of`` queries, keys and values, its part of the contexts.

        ``multipliers`` are those of scores and of contexts; ``mask`` is a row that has the lowest
        integer where a key is hidden.
        """
        room = head % len(self._scores)
        scores, shares = self._scores[room], self._shares[room]
        remark = f"{self.name}, head {head}"
        counts = (self.queries, self.keys)
        multiply_rows(
            self.build,
            (of["queries"], of["keys"], scores),
            counts,
            (self._depth_tiles, self._key_tiles),
            {"transposed": 1, "multiplier": multipliers[0]},
            f"{remark}, scores",
        )
        self.finish()
        self._softmax(scores, shares, mask, f"{remark}, softmax")
        self._waits.append(
            lambda: multiply_rows(
                self.build,
                (shares, of["values"], context),
                counts,
                (self._key_words, self._width_tiles),
                {"multiplier": multipliers[1]},
                f"{remark}, contexts",
            )
        )

    def finish(self) -> None:
        """Contexts of the head whose probabilities were asked for."""
        for write in self._waits:
            write()
        self._waits = []

    def release(self) -> None:
        """Give the words of scores and probabilities back."""
        for place in (*self._scores, *self._shares):
            self.build.release(place.block)

    def _rows(self, what: str, words: int) -> Place:
        lanes = self.build.machine.lanes
        layout = Layout((words * lanes,), lanes)
        name = f"{self.name}, {what}"
        return self.build.place(name, "rows", layout, self.queries, words)

    def _softmax(self, scores: Place, shares: Place, mask: Place | None, remark: str) -> None:
        """Codes of each row's probabilities behind its header; hidden keys get the lowest score."""
        build = self.build
        counts = (build.lengths.count(self.queries), build.lengths.count(self.keys))
        reads, values = [build.span(scores)], {"a": scores.word, "a_stride": scores.stride}
        values["counted"] = 1
        in_place = {"write_rows": 1, "result": scores.word, "result_stride": scores.stride}
        if self.spec.linear:
            build.schedule.emit(
                "rows",
                counts=counts,
                values={**values, **in_place, **function(build, self.spec.logarithm)},
                reads=reads,
                writes=[build.span(scores)],
                remark=remark,
            )
        if mask is not None:
            # Twice the lowest integer: one sum may leave it, from a large score, for the next.
            values |= {"combine": COMBINES["add"], "b": mask.word}
            reads.append(Span(first=mask.word, words=self._key_tiles))
            build.schedule.emit(
                "rows",
                counts=counts,
                values={**values, **in_place},
                reads=reads,
                writes=[build.span(scores)],
                remark=remark,
            )
        build.schedule.emit(
            "rows",
            counts=counts,
            values={
                **values,
                "scale": SCALES["softmax"],
                "causal": int(self.spec.causal),
                "write_codes": 1,
                "low_bits": 1,
                "codes": shares.word + 1,
                "codes_stride": shares.stride,
            },
            reads=reads,
            writes=[build.span(shares, self._key_words, shares.word + 1)],
            remark=remark,
        )


def load_row_scale(build: Build, place: Place, offset: int, name: str) -> None:
    """The scale ``2**offset`` in the first word of every row, where rows have none of their own."""
    word = np.zeros(build.machine.word_bytes // 4, "<u4")
    word[0] = 1 | (offset & (1 << RowScaleSpec().exponent_bits) - 1) << 16
    region = build.memory.add(f"row scale {offset}", word)
    build.load(region, place, 1, 0, remark=f"{name}, row scales")
