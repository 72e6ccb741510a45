"""Row of ``quantize_rows``: codes and scales of rows, static and per token."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from golden.configs import ROW_SCALES
from golden.ops.quantize import quantize
from golden.spec import RowScaleSpec
from hw.ops.plan import QuantizeRowsPlan
from hw.ops.quantize_rows import CODE_STAGES, QuantizeRows
from sim.row import Cycles, Operator, Point, Stimulus
from sim.stimulus import magnitudes, rows
from sim.tensors import Tensor, back_to_back, golden, join, joined, lengths_of, row_beats

SMALL = ROW_SCALES["tiny"]


def stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    """The longest rows, rows of one beat, rows of any length; then the same with a static scale."""
    beats = point.plan.beats
    longest = [beats] * max(1, count // beats)
    mixed = [1 + int(rng.integers(beats)) for _ in range(count // beats + 1)]
    tensors = [
        _tensor(point, rng, lengths, static)
        for static in (False, True)
        for lengths in (longest, [1] * count, mixed)
    ]
    return join(tensors)


def timing(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
    """Rows of one length go through one beat a cycle, each ``latency_of`` cycles after its end."""
    latency = QuantizeRows.latency_of(point.plan)
    i, o, scales = (cycles[name].copy() for name in ("i", "o", "scales"))
    longest, single, *_ = lengths_of(stimulus, "i")
    steady = longest + single
    i[:steady] = back_to_back(stimulus, cycles, "i")[:steady]
    o[:steady] = i[:steady] + latency
    o[:longest] += point.plan.beats - 1
    ends = np.concatenate([
        i[:longest][point.plan.beats - 1 :: point.plan.beats],
        i[longest:steady],
    ])
    scales[: len(ends)] = ends + latency - CODE_STAGES
    return {"i": i, "o": o, "scales": scales}


def _tensor(point: Point, rng: np.random.Generator, lengths: Sequence[int], static: bool) -> Tensor:
    """Rows of so many beats, of any number of elements that fills them."""
    spec, lanes = point.spec, point.plan.lanes
    largest = int(magnitudes(rng, spec.input_bits, 1, signed=False)[0])
    limit = 1 << (spec.input_bits - 1)
    static_scale = min(max(largest, 1), limit) if static else None
    # Exponents before the offset: magnitudes of one bit and of all.
    low, high = -(spec.mantissa_bits - 1), spec.input_bits - spec.mantissa_bits + 1
    half = 1 << (spec.exponent_bits - 1)
    offset = int(rng.integers(-half - low, half - high))
    sent, codes, mantissas, exponents = [], [], [], []
    for beats in lengths:
        elements = beats * lanes - int(rng.integers(lanes))
        x = rows(rng, spec.input_bits, 1, elements)
        row, scale = quantize(replace(spec, static_scale=static_scale), x, offset)
        sent.append(row_beats(x, lanes))
        codes.append(row_beats(row, lanes))
        mantissas.append(scale.mantissa)
        exponents.append(scale.exponent)
    return Tensor(
        loads={
            "settings": {
                "static_scale": np.array([static_scale or 0]),
                "exponent_offset": np.array([offset]),
            }
        },
        rows={"i": joined(sent)},
        expected={
            "o": joined(codes),
            "scales": {
                "mantissa": np.concatenate(mantissas),
                "exponent": np.concatenate(exponents),
            },
        },
    )


QUANTIZE_ROWS = Operator(
    golden=golden,
    component=lambda point: QuantizeRows(point.spec, point.plan),
    points={
        "default": Point(spec=RowScaleSpec(), plan=QuantizeRowsPlan(longest=64), quick=False),
        "small": Point(spec=SMALL, plan=QuantizeRowsPlan(lanes=2, longest=12)),
        "single": Point(spec=SMALL, plan=QuantizeRowsPlan(lanes=1, longest=9), quick=False),
        "fine": Point(
            spec=RowScaleSpec(input_bits=12, output_bits=12, index_bits=12, mantissa_bits=12),
            plan=QuantizeRowsPlan(lanes=4, longest=16),
            quick=False,
        ),
        "wide": Point(
            spec=RowScaleSpec(input_bits=4, output_bits=2, index_bits=6, mantissa_bits=7),
            plan=QuantizeRowsPlan(lanes=8, longest=24),
            quick=False,
        ),
        "long": Point(
            spec=RowScaleSpec(output_bits=16), plan=QuantizeRowsPlan(longest=400), quick=False
        ),
    },
    stimulus=stimulus,
    timing=timing,
    count=40,
)
