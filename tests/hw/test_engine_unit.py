"""Heads of attention through the engine of an accelerator."""

from dataclasses import replace

import numpy as np
import pytest

from golden.integer import RowScale, requantize
from golden.ops.attention import allowed_keys
from golden.ops.key_blocks import walk_keys
from golden.ops.quantize import HEAD_MULTIPLIER, head_scale, move_exponent
from golden.ops.reciprocal import reciprocal
from hw.accelerator.engine_unit import EngineUnit
from hw.accelerator.plan import PLANS
from sim.accelerator.unit_bench import header, instruction, run_unit

WORD, WORDS = 16, 2048


def bytes_of(codes: np.ndarray) -> np.ndarray:
    """Codes as words."""
    return codes.astype(np.int8).view(np.uint8).reshape(-1, WORD)


@pytest.mark.parametrize("size", [16, 64])
def test_engine_unit(size: int) -> None:
    """Heads with masks, causal and not, longer than a block of queries and of keys.

    They have 16 elements, ``size`` is what the engine has room for.
    """
    rng = np.random.default_rng(size)
    tiny = PLANS["tiny"]
    machine = replace(tiny.machine, head_size=size, buffer_words=WORDS)
    plan = replace(tiny, machine=machine, query_rows=8)
    spec = plan.attention_spec
    contents = np.zeros((WORDS, WORD), np.uint8)
    want_rows, instructions = {}, []
    place, result = 0, 1024
    for case in range(4):
        n, t = (int(x) for x in rng.integers(1, 20, 2))
        causal, masked = case % 2 == 1 and t >= n, case % 3 == 1
        if case == 2:
            n = 0
        q, k, v = (rng.integers(-127, 128, (rows, 16)) for rows in (n, t, t))
        scale = RowScale(rng.integers(1 << 15, 1 << 16, n), rng.integers(0, 6, n))
        multipliers = [int(x) for x in rng.integers(1 << 13, 1 << 16, 2)]
        offset = int(rng.integers(31, 34))
        mask = rng.random(t) < 0.7 if masked else None
        queries = place
        for row in range(n):
            contents[place] = header(int(scale.mantissa[row]), int(scale.exponent[row]), WORD)
            contents[place + 1] = bytes_of(q[row])
            place += 2
        keys, values, masks = place, place + t, place + 2 * t
        contents[keys:values], contents[values:masks] = bytes_of(k), bytes_of(v)
        place = masks
        for start in range(0, t if masked else 0, spec.key_block):
            block = np.packbits(mask[start : start + spec.key_block], bitorder="little")
            contents[place, : len(block)] = block
            place += 1
        slots = [queries, 2 | 2 << 16, keys, 1, values, 1, masks, result, 2]
        slots += [
            multipliers[0] | multipliers[1] << 16,
            offset | plan.attention_spec.probability_bits << 8,
        ]
        instructions.append(instruction(0x60, slots, n, t, causal | masked << 1))
        if n:
            multiplier = np.array([[multipliers[0]]])
            x_scale = head_scale(spec.requantize, multiplier, RowScale(*(x[None] for x in scale)))
            x = requantize(spec.requantize, (q @ k.T)[None], HEAD_MULTIPLIER, 0, x_scale)
            walk = walk_keys(spec, x, allowed_keys(n, t, mask, causal=causal), v[None])
            divide = move_exponent(reciprocal(spec.reciprocal, walk.total), offset)
            divide = head_scale(spec.requantize, np.array([[multipliers[1]]]), divide)
            o = requantize(spec.requantize, walk.context, HEAD_MULTIPLIER, 0, divide)[0]
            assert np.abs(o).max() > 1000
            want_rows[result] = o.astype(np.int16).view(np.uint8).reshape(-1, WORD)
            result += 2 * n
    assert place <= 1024
    unit = EngineUnit(spec, plan.engine_plan, plan.address_bits)
    after, _ = run_unit(
        unit,
        contents,
        instructions,
        reads=("queries", "keys"),
        writes=("contexts",),
        seed=size,
    )
    want = contents.copy()
    for base, words in want_rows.items():
        want[base : base + len(words)] = words
    np.testing.assert_array_equal(after, want)
