"""The walk over a query's keys, block by block, from its definition in exact integers."""

from collections.abc import Sequence
from fractions import Fraction
from math import floor

from golden.operator_spec import AttentionSpec
from golden.table_spec import ExponentialSpec, ReciprocalSpec
from hw.catalog.rows.reference import interpolated

HALF = Fraction(1, 2)


def walked(
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


def reciprocal(spec: ReciprocalSpec, n: int) -> tuple[int, int]:
    """Mantissa and exponent of ``1 / n``; the mantissa of ``1 / 0`` is 0."""
    exponent = max(n, 1).bit_length() - 1
    after = ((max(n, 1) << spec.fraction_bits) >> exponent) - (1 << spec.fraction_bits)
    power = (exponent << spec.fraction_bits) + interpolated(spec.logarithm, after)
    whole, fraction = divmod(power, 1 << spec.fraction_bits)
    return interpolated(spec.power, fraction) if n else 0, -whole - spec.mantissa_bits


def dot(x: Sequence[int], y: Sequence[int]) -> int:
    """Sum of products."""
    return sum(a * b for a, b in zip(x, y, strict=True))


def _exponential(spec: ExponentialSpec, distance: int) -> int:
    whole, fraction = divmod(distance, 1 << spec.fraction_bits)
    entry = interpolated(spec.table, fraction)
    return floor(Fraction(entry, 1 << (spec.guard_bits + whole)) + HALF)
