"""Stimulus and answers for the generated softmax, max-finder and top-k, from their definitions.

As ``hw.catalog.core.reference``: exact integers, apart from ``golden``, to which a test holds
them.
"""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from math import floor

import numpy as np

from golden.operator_spec import MaxFinderSpec, SoftmaxSpec, TopKSpec
from golden.table_spec import AntilogarithmSpec
from golden.tables import function_table
from hw.ops.plan import MaxFinderPlan, MaxStepsPlan, SoftmaxPlan, TopKPlan
from hw.vectors import Beats

HALF = Fraction(1, 2)
LONGEST = 40
Row = list[tuple[int, bool]]
Found = tuple[int, int, bool]


def max_finder_beats(
    spec: MaxFinderSpec,
    plan: MaxFinderPlan | MaxStepsPlan,
    rng: np.random.Generator,
    count: int,
) -> dict[str, Beats]:
    """Rows of about ``count`` beats, and the largest of each."""
    rows = _rows(rng, spec.bits, count * plan.lanes, LONGEST)
    return {
        "i": _scores(rows, plan.lanes),
        "o": _found(ranked(row, 1, spec.bits)[0] for row in rows),
    }


def top_k_beats(
    spec: TopKSpec, plan: TopKPlan, rng: np.random.Generator, count: int
) -> dict[str, Beats]:
    """Rows of about ``count`` elements, and the ranks of each."""
    rows = _rows(rng, spec.input_bits, count, min(LONGEST, plan.longest))
    ranks = _found(one for row in rows for one in ranked(row, spec.k, spec.input_bits))
    last = np.tile(np.arange(spec.k) == spec.k - 1, len(rows))
    return {"i": _scores(rows, 1), "o": Beats(fields={**ranks.fields, "last": last})}


def softmax_beats(
    probabilities: Callable[[SoftmaxSpec, Row], list[int]],
    spec: SoftmaxSpec,
    plan: SoftmaxPlan,
    rng: np.random.Generator,
    count: int,
) -> dict[str, Beats]:
    """Rows of about ``count`` beats, their probabilities, and the largest score of each."""
    rows = _rows(rng, spec.score_bits, count * plan.lanes, min(LONGEST, plan.longest))
    wide = plan.output_lanes
    data, last = [], []
    for row in rows:
        codes = probabilities(spec, row)
        codes += [0] * (-len(codes) % wide)
        data += [codes[first : first + wide] for first in range(0, len(codes), wide)]
        last += [False] * (len(codes) // wide - 1) + [True]
    return {
        "i": _scores(rows, plan.lanes),
        "o": Beats(fields={"data": np.array(data), "last": np.array(last)}),
        "largest": _found(ranked(row, 1, spec.score_bits)[0] for row in rows),
    }


def ranked(row: Row, k: int, bits: int) -> list[Found]:
    """The ``k`` largest that are seen, the lower index first; the least integer beyond them."""
    order = sorted((-x, place) for place, (x, seen) in enumerate(row) if seen)[:k]
    found = [(-x, place, True) for x, place in order]
    return found + [(-1 << (bits - 1), 0, False)] * (k - len(found))


def probabilities(spec: SoftmaxSpec, row: Row) -> list[int]:
    """``round(2**(output_bits - distance - log2(sum)))`` of what is seen, 0 elsewhere."""
    distance, terms = _terms(spec, row)
    reciprocal, bits = spec.reciprocal, spec.reciprocal.fraction_bits
    total = max(sum(terms), 1)
    exponent = total.bit_length() - 1
    after = floor(Fraction(total, 1 << exponent) * (1 << bits)) - (1 << bits)
    table = function_table(reciprocal.logarithm)
    segment, rest = divmod(after, 1 << (bits - reciprocal.index_bits))
    rise = int(table[segment + 1] - table[segment])
    line = int(table[segment]) + floor(
        Fraction(rise * rest, 1 << (bits - reciprocal.index_bits)) + HALF
    )
    power = (exponent << bits) + line + spec.power_offset
    fraction_bits = spec.antilogarithm.fraction_bits
    power = max(floor(Fraction(power, 1 << (bits - fraction_bits)) + HALF), 0)
    return [
        antilogarithm(spec.antilogarithm, spec.output_bits, one + power) if seen else 0
        for one, (_, seen) in zip(distance, row, strict=True)
    ]


def quotients(spec: SoftmaxSpec, row: Row) -> list[int]:
    """``term * round(unit / sum)``, as ``SoftmaxDivider`` rounds both."""
    _, terms = _terms(spec, row)
    total = max(sum(terms), 1)
    exponent = total.bit_length() - 1
    reciprocal = floor(Fraction(spec.unit << (2 + exponent), total) + HALF)
    shift = max(spec.kept_bits + 2 + exponent - spec.term_bits, 0)
    cuts = [floor(Fraction(term, 1 << (spec.term_bits - spec.kept_bits)) + HALF) for term in terms]
    return [floor(Fraction(cut * reciprocal, 1 << shift) + HALF) for cut in cuts]


def antilogarithm(spec: AntilogarithmSpec, bits: int, y: int) -> int:
    """``round(2**(bits - d))`` with ``d = (y + 1) * 2**-fraction_bits``, by a line and a table."""
    one = 1 << spec.fraction_bits
    whole, fraction = divmod(y, one)
    v = one - 1 - fraction
    middle = ((v >> spec.remainder_bits << spec.remainder_bits) + 0.5) / one
    excess = floor((1 + middle - 2**middle) * one + 0.5)
    return floor(Fraction((one + v - excess) << bits, one << (1 + whole)) + HALF)


def _terms(spec: SoftmaxSpec, row: Row) -> tuple[list[int], list[int]]:
    """Distances with the fraction bits of the antilogarithm, and the terms of the sum."""
    largest = max((x for x, seen in row if seen), default=0)
    finer = spec.antilogarithm.fraction_bits - spec.distance_fraction_bits
    distance = [
        max(floor(Fraction(largest - x, 1 << spec.dropped_bits) + HALF), 0) << finer for x, _ in row
    ]
    terms = [
        antilogarithm(spec.antilogarithm, spec.term_bits, one) if seen else 0
        for one, (_, seen) in zip(distance, row, strict=True)
    ]
    return distance, terms


def _rows(rng: np.random.Generator, bits: int, count: int, longest: int) -> list[Row]:
    """Rows of every length whose values spread over some power of two; a few see nothing."""
    rows: list[Row] = []
    total = 0
    while total < count:
        length = int(rng.integers(1, longest, endpoint=True))
        reach = 1 << int(rng.integers(0, bits))
        low, high = max(-reach, -1 << (bits - 1)), min(reach, 1 << (bits - 1))
        seen = rng.random(length) < rng.choice([0.0, 0.5, 1.0, 1.0])
        rows.append([
            (int(x), bool(s)) for x, s in zip(rng.integers(low, high, length), seen, strict=True)
        ])
        total += length
    return rows


def _scores(rows: Sequence[Row], lanes: int) -> Beats:
    data, mask, last = [], [], []
    for row in rows:
        padded = [*row, *[(0, False)] * (-len(row) % lanes)]
        for first in range(0, len(padded), lanes):
            beat = padded[first : first + lanes]
            data.append([x for x, _ in beat])
            mask.append(sum(seen << lane for lane, (_, seen) in enumerate(beat)))
            last.append(first + lanes == len(padded))
    return Beats(fields={"data": np.array(data), "seen": np.array(mask), "last": np.array(last)})


def _found(found: Iterable[Found]) -> Beats:
    values = np.array(list(found))
    return Beats(fields={name: values[:, k] for k, name in enumerate(("value", "index", "any"))})
