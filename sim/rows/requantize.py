"""Row of the requantizer: accumulators to codes, rounded once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden import integer
from golden.spec import RequantizeSpec
from hw.ops.requantize import Requantizer
from sim.row import Cycles, Operator, Point, Stimulus
from sim.stimulus import magnitudes

LANES = 2
TAG_BITS = 5


def stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    """Rows whose scale brings most products near the range of the codes, and some anywhere."""
    spec = point.spec
    shape = (count, LANES)
    accumulator = magnitudes(rng, spec.accumulator_bits, shape)
    multiplier = magnitudes(rng, spec.multiplier_bits, shape, signed=False)
    mantissa = magnitudes(rng, spec.mantissa_bits, count, signed=False)
    product = np.abs(accumulator * 1.0 * multiplier).max(axis=1) * mantissa
    near = spec.output_bits + spec.shift - np.log2(product + 1) - rng.integers(0, 8, count)
    low, high = spec.exponent_range
    anywhere = rng.integers(low, high, count, endpoint=True)
    exponent = np.where(rng.random(count) < 0.8, np.floor(near), anywhere)
    # A bias of all magnitudes up to a little more than the codes': a larger one saturates.
    bias_bits = min(spec.bias_bits, spec.output_bits + spec.bias_fraction_bits + 1)
    operands = {
        "accumulator": accumulator,
        "multiplier": multiplier,
        "bias": magnitudes(rng, bias_bits, shape),
        "mantissa": mantissa,
        "exponent": np.clip(exponent, low, high).astype(np.int64),
        "tag": rng.integers(0, 1 << TAG_BITS, count),
    }
    return Stimulus(inputs={"i": operands}, outputs={"o": count})


def golden(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, Any]:
    """``integer.requantize`` of every row with its own channel numbers."""
    i = stimulus.inputs["i"]
    codes = [
        integer.requantize(
            point.spec,
            i["accumulator"][k][None],
            i["multiplier"][k],
            i["bias"][k],
            integer.RowScale(i["mantissa"][k : k + 1], i["exponent"][k : k + 1]),
        )
        for k in range(len(i["tag"]))
    ]
    return {"o": {"data": np.concatenate(codes), "tag": i["tag"]}}


def timing(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
    """One row a cycle, each after ``STAGES`` cycles."""
    taken = cycles["i"][0] + np.arange(len(cycles["i"]))
    return {"i": taken, "o": taken + Requantizer.STAGES}


REQUANTIZER = Operator(
    golden=golden,
    component=lambda point: Requantizer(point.spec, lanes=LANES, tag_bits=TAG_BITS),
    points={
        "default": Point(spec=RequantizeSpec()),
        "whole": Point(
            spec=RequantizeSpec(bias_fraction_bits=1, shift=32, output_bits=8), quick=False
        ),
        "wide": Point(
            spec=RequantizeSpec(
                accumulator_bits=48, multiplier_bits=24, mantissa_bits=24, shift=64
            ),
            quick=False,
        ),
        "narrow": Point(
            spec=RequantizeSpec(
                accumulator_bits=12,
                multiplier_bits=4,
                mantissa_bits=3,
                exponent_bits=2,
                bias_bits=10,
                bias_fraction_bits=3,
                shift=5,
                output_bits=6,
            ),
            quick=False,
        ),
    },
    stimulus=stimulus,
    timing=timing,
    count=200,
)
