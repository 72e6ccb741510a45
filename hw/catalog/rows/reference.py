"""Stimulus and answers for the generated operators over rows, from their definitions.

As ``hw.catalog.core.reference``: exact integers, apart from ``golden``, to which a test holds
them.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from golden.operator_spec import LayerNormSpec, ResidualAddSpec
from golden.spec import RequantizeSpec, RowScaleSpec
from golden.table_spec import ReciprocalRootSpec, TableSpec
from golden.tables import function_table, reciprocal_fraction_bits, reciprocal_table
from hw.catalog.core.reference import magnitudes, requantized
from hw.ops.interpolate import segments
from hw.ops.plan import (
    ActivationPlan,
    AffinePlan,
    LanesPlan,
    LayerNormPlan,
    QuantizeRowsPlan,
    TableShape,
)
from hw.vectors import Beats

HALF = Fraction(1, 2)
Generator = np.random.Generator


def layer_norm_beats(
    spec: LayerNormSpec, plan: LayerNormPlan, rng: Generator, count: int
) -> dict[str, Beats]:
    """Rows of the full width, about ``count`` beats of them."""
    numbers, lanes, beats = spec.requantize, plan.lanes, plan.beats(spec)
    columns = beats * lanes
    x = np.zeros((-(-count // beats), columns), np.int64)
    x[:, : spec.width] = magnitudes(rng, spec.input_bits, True, (len(x), spec.width))
    multiplier, bias = np.zeros((2, columns), np.int64)
    sign = rng.choice([-1, 1], spec.width)
    multiplier[: spec.width] = sign * magnitudes(rng, numbers.multiplier_bits, False, sign.shape)
    bias[: spec.width] = magnitudes(
        rng, numbers.output_bits + numbers.bias_fraction_bits, True, sign.shape
    )
    offset = numbers.shift - numbers.multiplier_bits + numbers.output_bits - 1
    epsilon = int(rng.integers(1, 100))
    fraction = spec.mean_fraction_bits
    o = np.zeros_like(x)
    for row, result in zip(x[:, : spec.width], o, strict=True):
        drop = spec.reciprocal_fraction_bits - fraction
        mean = floor(Fraction(int(row.sum()) * spec.reciprocal_width, 1 << drop) + HALF)
        deviations = [(int(value) << fraction) - mean for value in row]
        spread = max(sum(value**2 for value in deviations) + epsilon, 1)
        mantissa, exponent = _reciprocal_root(spec.root, spread)
        result[: spec.width] = [
            requantized(numbers, c if m >= 0 else -c, abs(int(m)), b, mantissa, exponent + offset)
            for c, m, b in zip(deviations, multiplier, bias, strict=False)
        ]
    settings = {
        "width": spec.width,
        "reciprocal": spec.reciprocal_width,
        "epsilon": epsilon,
        "exponent_offset": offset,
    }
    after = {"settings": np.full(len(x) * beats, 1), "channels": np.full(len(x) * beats, columns)}
    return {
        "i": Beats(fields=_rows(x, lanes), after=after),
        "settings": _single(settings),
        "channels": _channels(multiplier, bias),
        "o": Beats(fields=_rows(o, lanes)),
    }


def quantize_beats(
    spec: RowScaleSpec, plan: QuantizeRowsPlan, rng: Generator, count: int
) -> dict[str, Beats]:
    """Rows of one to four beats, about ``count`` beats of them, with scales of their own."""
    lanes = plan.lanes
    lengths = _lengths(rng, count, min(4, plan.beats))
    offset = int(rng.integers(4))
    sent, codes, scales = [], [], []
    for beats in lengths:
        row = magnitudes(rng, spec.input_bits, True, (beats * lanes,))
        largest = max(1, *(abs(int(value)) for value in row))
        told, (mantissa, exponent) = quantized(spec, row.tolist(), largest)
        sent.append(row)
        codes.append(told)
        scales.append((mantissa, exponent + offset))
    mantissas, exponents = np.array(scales).T
    return {
        "i": Beats(fields=_joined(sent, lanes), after={"settings": np.full(sum(lengths), 1)}),
        "settings": _single({"static_scale": 0, "exponent_offset": offset}),
        "o": Beats(fields=_joined([np.array(row) for row in codes], lanes)),
        "scales": Beats(fields={"mantissa": mantissas, "exponent": exponents}),
    }


def quantized(
    spec: RowScaleSpec, row: Sequence[int], largest: int
) -> tuple[list[int], tuple[int, int]]:
    """Codes of a row whose largest magnitude counts as ``largest``; mantissa and exponent of it."""
    drop = largest.bit_length() - spec.index_bits
    index = ceil(largest / Fraction(2) ** drop)
    reciprocal = int(reciprocal_table(spec)[index - (1 << (spec.index_bits - 1))])
    unit = Fraction(2) ** (reciprocal_fraction_bits(spec) + drop)
    codes = [floor(value * reciprocal / unit + HALF) for value in row]
    limit = spec.code_limit
    carry = index >> spec.index_bits
    more = spec.mantissa_bits - spec.index_bits
    scale = (index >> carry) << more, drop + carry - more
    return [min(max(code, -limit), limit) for code in codes], scale


def activation_beats(
    spec: TableSpec, plan: ActivationPlan, rng: Generator, count: int
) -> dict[str, Beats]:
    """``count`` beats through the function of ``spec``, whose table is loaded again before them."""
    x = magnitudes(rng, spec.input_bits, spec.input_signed, (count, plan.lanes))
    table = segments(spec)
    loads = {name: np.array([one[name] for one in table]) for name in ("base", "rise")}
    after = {"table": np.full(count, len(table))}
    y = np.array([[interpolated(spec, value) for value in row] for row in x])
    return {
        "i": Beats(fields={"data": x, "last": np.ones(count, int)}, after=after),
        "table": Beats(fields={**loads, "index": np.arange(len(table))}),
        "o": Beats(fields={"data": y, "last": np.ones(count, int)}),
    }


def residual_beats(
    spec: ResidualAddSpec, plan: LanesPlan, rng: Generator, count: int
) -> dict[str, Beats]:
    """``count`` beats of both addends."""
    x, y = magnitudes(rng, spec.bits, True, (2, count, plan.lanes))
    limit = 1 << (spec.bits - 1)
    return {
        name: Beats(fields={"data": each, "last": np.ones(count, int)})
        for name, each in (("x", x), ("y", y), ("o", np.clip(x + y, -limit, limit - 1)))
    }


def multiply_beats(
    spec: RequantizeSpec, plan: LanesPlan, rng: Generator, count: int
) -> dict[str, Beats]:
    """``count`` beats of both factors."""
    x, y = magnitudes(rng, spec.output_bits, True, (2, count, plan.lanes))
    offset = spec.shift - spec.multiplier_bits - spec.output_bits + 2
    multiplier = int(rng.integers(1, 1 << spec.multiplier_bits))
    products = (x * y).reshape(-1)
    o = np.array([requantized(spec, one, multiplier, 0, 1, offset) for one in products])
    streams = {
        name: Beats(
            fields={"data": each.reshape(x.shape), "last": np.ones(count, int)},
            after={"settings": np.full(count, 1)} if name != "o" else {},
        )
        for name, each in (("x", x), ("y", y), ("o", o))
    }
    settings = {"multiplier": multiplier, "exponent_offset": offset}
    return streams | {"settings": _single(settings)}


def affine_beats(
    spec: RequantizeSpec, plan: AffinePlan, rng: Generator, count: int
) -> dict[str, Beats]:
    """Rows of the full width, about ``count`` beats of them."""
    lanes, columns = plan.lanes, plan.beats * plan.lanes
    x = magnitudes(rng, spec.output_bits, True, (-(-count // plan.beats), columns))
    sign = rng.choice([-1, 1], columns)
    multiplier = sign * magnitudes(rng, spec.multiplier_bits, False, (columns,))
    bias = magnitudes(rng, spec.output_bits + spec.bias_fraction_bits, True, (columns,))
    offset = spec.shift - spec.multiplier_bits
    o = np.array([
        [
            requantized(spec, value if m >= 0 else -value, abs(int(m)), b, 1, offset)
            for value, m, b in zip(row, multiplier, bias, strict=True)
        ]
        for row in x
    ])
    beats = len(x) * plan.beats
    after = {"settings": np.full(beats, 1), "channels": np.full(beats, columns)}
    return {
        "i": Beats(fields=_rows(x, lanes), after=after),
        "settings": _single({"exponent_offset": offset}),
        "channels": _channels(multiplier, bias),
        "o": Beats(fields=_rows(o, lanes)),
    }


def embedding_beats(
    spec: TableShape, plan: LanesPlan, rng: Generator, count: int
) -> dict[str, Beats]:
    """About ``count`` beats of rows of a table of up to 32 rows; the last id is outside."""
    rows, beats = min(spec.rows, 32), spec.beats(plan)
    table = magnitudes(rng, spec.bits, True, (rows, beats, plan.lanes))
    ids = rng.integers(0, rows, -(-count // beats))
    ids[-1] = rows
    found = np.concatenate([table, np.zeros((1, beats, plan.lanes), np.int64)])[ids]
    after = {"settings": np.full(len(ids), 1), "table": np.full(len(ids), rows * beats)}
    places = np.arange(rows * beats)
    return {
        "ids": Beats(fields={"id": ids}, after=after),
        "settings": _single({"rows": rows, "beats": beats}),
        "table": Beats(
            fields={
                "data": table.reshape(-1, plan.lanes),
                "row": places // beats,
                "beat": places % beats,
            }
        ),
        "o": Beats(
            fields=_rows(found.reshape(len(ids), -1), plan.lanes)
            | {"error": np.repeat(ids == rows, beats)}
        ),
    }


def _reciprocal_root(spec: ReciprocalRootSpec, n: int) -> tuple[int, int]:
    j = (n.bit_length() - 1) // 2
    w = floor(n * Fraction(2) ** (spec.fraction_bits - 2 * j))
    return interpolated(spec.table, w), -j - spec.mantissa_bits


def interpolated(spec: TableSpec, x: int) -> int:
    """The line between two entries of the table, rounded."""
    low = -(1 << (spec.input_bits - 1)) if spec.input_signed else 0
    index, rest = divmod(int(x) - low, 1 << spec.remainder_bits)
    start, stop = (int(entry) for entry in function_table(spec)[index : index + 2])
    return start + floor(Fraction((stop - start) * rest, 1 << spec.remainder_bits) + HALF)


def _lengths(rng: Generator, count: int, most: int) -> list[int]:
    lengths: list[int] = []
    while sum(lengths) < count:
        lengths.append(int(rng.integers(1, most + 1)))
    return lengths


def _rows(x: NDArray[np.int64], lanes: int) -> dict[str, NDArray]:
    return _joined(list(x), lanes)


def _joined(rows: list[NDArray[np.int64]], lanes: int) -> dict[str, NDArray]:
    last = [np.arange(len(row) // lanes) == len(row) // lanes - 1 for row in rows]
    return {"data": np.concatenate(rows).reshape(-1, lanes), "last": np.concatenate(last)}


def _channels(multiplier: NDArray[np.int64], bias: NDArray[np.int64]) -> Beats:
    channel = np.arange(len(bias))
    return Beats(fields={"multiplier": multiplier, "bias": bias, "channel": channel})


def _single(fields: Mapping[str, int]) -> Beats:
    return Beats(fields={name: np.array([value]) for name, value in fields.items()})
