"""Row of the layer norm: tensors of rows, each with its own width, gains and biases."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from golden.configs import LAYER_NORMS
from golden.operator_spec import LayerNormSpec
from golden.ops.layer_norm import layer_norm
from hw.ops.layer_norm import LayerNorm
from hw.ops.plan import LayerNormPlan
from hw.ops.row_moments import reciprocal_fraction_bits
from sim.row import Cycles, Operator, Point, Stimulus
from sim.stimulus import magnitudes, rows
from sim.tensors import Tensor, back_to_back, golden, join, lengths_of, row_beats

SMALL = LAYER_NORMS["tiny"]


def stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    """Rows of the full width, then more tensors: of the full width, of one beat, of any width."""
    spec, lanes = point.spec, point.plan.lanes
    widths = [
        spec.width,
        int(rng.integers(1, min(lanes, spec.width) + 1)),
        *rng.integers(1, spec.width + 1, 2).tolist(),
    ]
    more = [_tensor(spec, lanes, rng, count // 4, width) for width in widths]
    return join([_tensor(spec, lanes, rng, count, spec.width), *more])


def timing(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
    """Rows of the full width go through one beat a cycle, each so many cycles after its end."""
    beats, length = point.plan.beats(point.spec), lengths_of(stimulus, "i")[0]
    i, o = cycles["i"].copy(), cycles["o"].copy()
    i[:length] = back_to_back(stimulus, cycles, "i")[:length]
    ends = i[beats - 1 : length : beats]
    latency = LayerNorm.latency_of(point.spec, point.plan)
    o[:length] = (ends[:, None] + latency + np.arange(beats)).reshape(-1)
    return {"i": i, "o": o}


def _tensor(
    spec: LayerNormSpec, lanes: int, rng: np.random.Generator, count: int, width: int
) -> Tensor:
    """About ``count`` beats; a scale that brings most results into the range of the output."""
    numbers, own = spec.requantize, replace(spec, width=width)
    columns = -(-width // lanes) * lanes
    x = rows(rng, spec.input_bits, -(-count * lanes // columns), width)
    limit = (1 << numbers.multiplier_bits) - 1
    multiplier = magnitudes(rng, numbers.multiplier_bits + 1, width).clip(-limit, limit)
    bias_bits = min(numbers.bias_bits, numbers.output_bits + numbers.bias_fraction_bits + 1)
    bias = magnitudes(rng, bias_bits, width)
    # With all bits of a multiplier in use the largest deviation comes near the largest code.
    near = numbers.shift - numbers.multiplier_bits + numbers.output_bits - int(rng.integers(4))
    spread_bits = 2 * (spec.input_bits + spec.mean_fraction_bits) + (spec.width - 1).bit_length()
    pairs = (max(spread_bits, spec.root.fraction_bits + 2) + 1) // 2
    lowest = numbers.exponent_range[0] + pairs - 1 + spec.root.mantissa_bits
    highest = numbers.exponent_range[1] + spec.root.mantissa_bits
    anywhere = int(rng.integers(lowest, highest + 1))
    offset = min(max(near, lowest), highest) if rng.random() < 0.7 else anywhere
    # Most are small beside the spread, some larger than any.
    epsilon = int(magnitudes(rng, spread_bits - 8, 1, signed=False)[0])
    epsilon = int(rng.integers(1 << (spread_bits - 1))) if rng.random() < 0.2 else epsilon
    order = rng.permutation(columns)
    shift = reciprocal_fraction_bits(spec) - own.reciprocal_fraction_bits
    padded = np.pad(np.stack([multiplier, bias]), [(0, 0), (0, columns - width)])[:, order]
    return Tensor(
        loads={
            "settings": {
                "width": np.array([width]),
                "reciprocal": np.array([own.reciprocal_width << shift]),
                "epsilon": np.array([epsilon]),
                "exponent_offset": np.array([offset]),
            },
            "channels": {"multiplier": padded[0], "bias": padded[1], "channel": order},
        },
        rows={"i": row_beats(x, lanes)},
        expected={
            "o": row_beats(layer_norm(own, x, multiplier, bias, epsilon, offset), lanes),
        },
    )


LAYER_NORM = Operator(
    golden=golden,
    component=lambda point: LayerNorm(point.spec, point.plan),
    points={
        "default": Point(spec=LAYER_NORMS["default"], plan=LayerNormPlan(), quick=False),
        "small": Point(spec=SMALL, plan=LayerNormPlan(lanes=4)),
        "narrow": Point(spec=replace(SMALL, width=7), plan=LayerNormPlan(lanes=1), quick=False),
        "odd": Point(spec=LayerNormSpec(width=50), plan=LayerNormPlan(lanes=4), quick=False),
        "whole": Point(
            spec=replace(SMALL, width=40, mean_fraction_bits=0),
            plan=LayerNormPlan(lanes=8),
            quick=False,
        ),
    },
    stimulus=stimulus,
    timing=timing,
    count=60,
)
