"""Rows of codes through the cores of an accelerator."""

import numpy as np
import pytest

from golden.integer import RowScale, requantize
from golden.spec import CoreSpec, MacroSpec
from hw.accelerator.core_unit import CoreUnit
from hw.accelerator.plan import FEEDERS
from hw.core.plan import CorePlan
from sim.accelerator.unit_bench import header, instruction, run_unit

WORD, CORES, SETS = 16, 4, 4
SPEC = CoreSpec(macro=MacroSpec(lanes=8, columns=8, weight_sets=SETS), macros=2, rows=64)


def beats(
    weights: np.ndarray, multiplier: np.ndarray, bias: np.ndarray, groups: int, first: int
) -> tuple[list, list]:
    """Weights (K, M) and channels as the weight unit gives them."""
    k_tiles, tiles = weights.shape[0] // WORD, weights.shape[1] // 8
    given, channels = [], []
    for k in range(k_tiles):
        for tile in range(tiles):
            cores = ((1 << groups) - 1) << (tile * groups)
            block = weights[k * WORD : (k + 1) * WORD, tile * 8 : tile * 8 + 8] & 255
            given += [
                {
                    "cores": cores,
                    "beat": {
                        "data": block[lane : lane + 2].tolist(),
                        "lane": lane,
                        "set": (first + k) % SETS,
                        "last": lane == WORD - 2,
                    },
                }
                for lane in range(0, WORD, 2)
            ]
    for tile in range(tiles):
        cores = ((1 << groups) - 1) << (tile * groups)
        channels += [
            {
                "cores": cores,
                "beat": {
                    "multiplier": int(multiplier[tile * 8 + column]),
                    "bias": int(bias[tile * 8 + column]),
                    "column": column,
                    "set": (first + k_tiles - 1) % SETS,
                    "last": column == 7,
                },
            }
            for column in range(8)
        ]
    return given, channels


@pytest.mark.parametrize(("feeder", "ports"), [("pairs", 2), ("fixed", 1)])
def test_core_unit(feeder: str, ports: int) -> None:
    """Products of random sizes over row groups, tiles of K and columns, one after the other."""
    rng = np.random.default_rng(list(FEEDERS).index(feeder))
    contents = np.zeros((4096, WORD), np.uint8)
    instructions, weights, channels, expected = [], [], [], []
    place, result, first = 0, 2048, 0
    for case in range(5):
        bits = int(rng.integers(0, 3))
        tiles = int(rng.integers(1, CORES // (1 << bits) + 1))
        k_tiles, rows = int(rng.integers(1, 7)), (5, 37, 13, 0, 34)[case]
        stride, result_stride = k_tiles + 1, tiles + case % 2
        codes = rng.integers(-127, 128, (rows, k_tiles * WORD))
        scale = RowScale(rng.integers(1 << 15, 1 << 16, rows), rng.integers(-12, -6, rows))
        for row in range(rows):
            at = place + row * stride
            contents[at] = header(int(scale.mantissa[row]), int(scale.exponent[row]), WORD)
            contents[at + 1 : at + stride] = (
                codes[row].astype(np.int8).view(np.uint8).reshape(k_tiles, WORD)
            )
        w = rng.integers(-128, 128, (k_tiles * WORD, tiles * 8))
        multiplier = rng.integers(1 << 10, 1 << 16, tiles * 8)
        bias = rng.integers(-(1 << 15), 1 << 15, tiles * 8)
        tiling = k_tiles | tiles << 16 | bits << 24 | first << 28
        slots = [place + 1, stride, place, tiling, result, result_stride]
        instructions.append(instruction(0x40, slots, rows))
        if rows:
            given, numbers = beats(w, multiplier, bias, 1 << bits, first)
            weights += given
            channels += numbers
            o = requantize(SPEC.requantize, codes @ w, multiplier, bias, scale)
            expected.append((result, result_stride, o))
            first = (first + k_tiles) % SETS
        place += rows * stride
        result += rows * result_stride
    assert place <= 2048
    assert result <= 4096
    unit = CoreUnit(SPEC, CorePlan(macro=FEEDERS[feeder]), CORES, 12, ports)
    after, _ = run_unit(
        unit,
        contents,
        instructions,
        reads=("codes", "scales"),
        writes=("results",),
        streams={"weights": weights, "channels": channels},
        seed=1,
    )
    want = contents.copy()
    for base, stride, o in expected:
        for row, values in enumerate(o):
            words = values.astype(np.int16).view(np.uint8).reshape(-1, WORD)
            want[base + row * stride : base + row * stride + len(words)] = words
    np.testing.assert_array_equal(after, want)
