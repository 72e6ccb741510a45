"""A query's attention of codes, block by block, from its definition in exact integers."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor

from golden.operator_spec import AttentionSpec
from golden.table_spec import ExponentialSpec, ReciprocalSpec
from hw.catalog.rows.reference import interpolated

HALF = Fraction(1, 2)


def attended(
    spec: AttentionSpec,
    numbers: Mapping[str, int],
    query: Sequence[int],
    scale: tuple[int, int],
    keys: Sequence[Sequence[int]],
    values: Sequence[Sequence[int]],
    seen: Sequence[bool],
) -> list[int]:
    """The context of one query with its row scale, a job's ``numbers`` being its head's."""
    rescale = _head_scale(spec, numbers["score_multiplier"], *scale)
    scores = [
        _rescaled(spec, _dot(query, key), *rescale) if counts else None
        for key, counts in zip(keys, seen, strict=True)
    ]
    total, context = _walked(spec, scores, values)
    mantissa, exponent = _reciprocal(spec.reciprocal, total)
    rescale = _head_scale(
        spec, numbers["context_multiplier"], mantissa, exponent + numbers["context_offset"]
    )
    return [_rescaled(spec, x, *rescale) for x in context]


def _head_scale(
    spec: AttentionSpec, multiplier: int, mantissa: int, exponent: int
) -> tuple[int, int]:
    low = -1 << (spec.requantize.exponent_bits - 1)
    cut = min(max(exponent + 1, low), spec.requantize.shift - 16)
    return floor(Fraction(multiplier * mantissa, 1 << 16) + HALF), cut


def _rescaled(spec: AttentionSpec, x: int, mantissa: int, exponent: int) -> int:
    power = Fraction(2) ** (15 + exponent - spec.requantize.shift)
    limit = 1 << (spec.requantize.output_bits - 1)
    return min(max(floor(x * mantissa * power + HALF), -limit), limit - 1)


def _walked(
    spec: AttentionSpec, scores: Sequence[int | None], values: Sequence[Sequence[int]]
) -> tuple[int, list[int]]:
    """Sum of P' and context before it is divided; a score is ``None`` where its key is not seen."""
    unit = 1 << spec.score_fraction_bits
    above, total = -1 << (spec.requantize.output_bits - 1 - spec.score_fraction_bits), 0
    context = [0] * len(values[0])
    for first in range(0, len(scores), spec.key_block):
        block = list(enumerate(scores))[first : first + spec.key_block]
        seen = {t: x for t, x in block if x is not None}
        new = max([above, *(x // unit + 1 for x in seen.values())])
        terms = {t: _exponential(spec.exponential, new * unit - x) for t, x in seen.items()}
        factor = Fraction(1, 1 << (new - above))
        total = floor(total * factor + HALF) + sum(terms.values())
        context = [
            floor(old * factor + HALF) + sum(p * values[t][e] for t, p in terms.items())
            for e, old in enumerate(context)
        ]
        above = new
    return total, context


def _reciprocal(spec: ReciprocalSpec, n: int) -> tuple[int, int]:
    """Mantissa and exponent of ``1 / n``; the mantissa of ``1 / 0`` is 0."""
    exponent = max(n, 1).bit_length() - 1
    after = ((max(n, 1) << spec.fraction_bits) >> exponent) - (1 << spec.fraction_bits)
    power = (exponent << spec.fraction_bits) + interpolated(spec.logarithm, after)
    whole, fraction = divmod(power, 1 << spec.fraction_bits)
    return interpolated(spec.power, fraction) if n else 0, -whole - spec.mantissa_bits


def _dot(x: Sequence[int], y: Sequence[int]) -> int:
    """Sum of products."""
    return sum(a * b for a, b in zip(x, y, strict=True))


def _exponential(spec: ExponentialSpec, distance: int) -> int:
    whole, fraction = divmod(distance, 1 << spec.fraction_bits)
    entry = interpolated(spec.table, fraction)
    return floor(Fraction(entry, 1 << (spec.guard_bits + whole)) + HALF)
