"""Walks at the buffer's end, before it and far behind it, one per cycle."""

import random

import pytest
from amaranth.sim import Simulator

from hw.accelerator.extent import Extent


def outside(words, base, stride, rows, length):
    return base + (rows - 1) * stride + length > words


@pytest.mark.parametrize("words", [64, 1 << 11, 3000, 50_000])
def test_the_last_rows_end_decides(words):
    rng = random.Random(words)
    walks = [(0, 0, 1, words), (0, 0, 1, words + 1), (words, 0, 1, 1), (words - 1, 0, 9, 1)]
    walks += [(1 << 31, 0, 1, 1), (0, 1 << 31, 2, 1), (0, 0, 65535, 65535), (0, 1, 65535, 1)]
    for _ in range(400):
        rows, length = rng.randint(1, 40), rng.randint(1, words // 8)
        stride = rng.randint(0, 2 * words // (rows + 1))
        end = (rows - 1) * stride + length
        walks.append((max(0, words - end + rng.randint(-2, 2)), stride, rows, length))
    dut, told = Extent(words), []

    async def bench(context):
        for base, stride, rows, length in walks:
            context.set(dut.walk, {"base": base, "stride": stride, "rows": rows, "words": length})
            await context.tick()
            told.append(context.get(dut.outside))
        for _ in range(dut.latency):
            await context.tick()
            told.append(context.get(dut.outside))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    expected = [outside(words, *walk) for walk in walks]
    assert told[dut.latency - 1 :][: len(walks)] == expected
    assert 0.2 < sum(expected) / len(expected) < 0.8
