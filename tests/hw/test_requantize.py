import numpy as np
import pytest

from golden.integer import RowScale, integer_range, requantize
from golden.spec import RequantizeSpec
from hw.ops.requantize import Requantizer
from sim.beats import pack, stream_ports
from sim.fast import FastSimulator
from sim.row import require_equal
from sim.stimulus import magnitudes

SPECS = [
    RequantizeSpec(),
    RequantizeSpec(accumulator_bits=48, multiplier_bits=24, mantissa_bits=24, shift=64),
    RequantizeSpec(bias_fraction_bits=1, shift=32, output_bits=8),
    RequantizeSpec(
        accumulator_bits=12,
        multiplier_bits=4,
        mantissa_bits=3,
        exponent_bits=2,
        bias_bits=10,
        bias_fraction_bits=3,
        shift=5,
        output_bits=6,
    ),
    RequantizeSpec(
        accumulator_bits=4,
        multiplier_bits=1,
        mantissa_bits=1,
        exponent_bits=1,
        bias_bits=4,
        bias_fraction_bits=2,
        shift=60,
        output_bits=2,
    ),
    RequantizeSpec(exponent_bits=8, shift=135, output_bits=32, bias_bits=48),
]


def stimulus(spec, rng, rows, lanes):
    """Rows whose product lands near the range of the codes in most cases, anywhere in others."""
    accumulator = magnitudes(rng, spec.accumulator_bits, (rows, lanes))
    multiplier = magnitudes(rng, spec.multiplier_bits, (rows, lanes), signed=False)
    bias = magnitudes(rng, spec.bias_bits, (rows, lanes))
    mantissa = magnitudes(rng, spec.mantissa_bits, rows, signed=False)
    low, high = spec.exponent_range
    exponent = rng.integers(low, high, rows, endpoint=True)
    product = np.abs(accumulator * 1.0 * multiplier * mantissa[:, None]).max(axis=1)
    fitting = spec.output_bits + spec.shift - np.log2(product + 1) - rng.integers(0, 8, rows)
    fitting = np.clip(np.floor(fitting), low, high).astype(int)
    exponent = np.where(rng.random(rows) < 0.7, fitting, exponent)
    near = rng.random((rows, lanes)) < 0.7
    bias_low, bias_high = integer_range(min(spec.bias_bits, spec.output_bits))
    bias = np.where(near, np.clip(bias, bias_low, bias_high), bias)
    return {
        "accumulator": accumulator,
        "multiplier": multiplier,
        "bias": bias,
        "mantissa": mantissa,
        "exponent": exponent,
    }


@pytest.mark.parametrize("lanes, pause", [(1, 0.0), (3, 0.5)])
@pytest.mark.parametrize("spec", SPECS, ids=range(len(SPECS)))
def test_matches_golden(spec, lanes, pause):
    count = 400
    operands = stimulus(spec, np.random.default_rng(7), count, lanes)
    expected = np.concatenate([
        requantize(spec, a[None], m, b, RowScale(s[None], e[None]))
        for a, m, b, s, e in zip(*operands.values(), strict=True)
    ])
    saturated = np.isin(expected, integer_range(spec.output_bits)).mean()
    assert 0.05 < saturated < 0.98, "the stimulus misses a case"
    requantizer = Requantizer(spec, lanes=lanes, tag_bits=9)
    ports = stream_ports(requantizer)
    sent = pack(ports["i"].shape, operands | {"tag": np.arange(count)})
    result = FastSimulator(requantizer).run({"i": sent}, {"o": count}, idle=pause, stall=pause)
    answer = pack(ports["o"].shape, {"data": expected, "tag": np.arange(count)})
    require_equal("o", result.beats["o"], answer)
    if not pause:
        np.testing.assert_array_equal(result.cycles["o"] - result.cycles["i"], Requantizer.STAGES)
        assert np.ptp(result.cycles["i"]) == count - 1
