"""The divider: every quotient of a few dividers."""

import pytest
from amaranth.sim import Simulator

from hw.ops.divider import Divider


@pytest.mark.parametrize(
    ("numerator", "input_bits", "quotient_bits"),
    [(31 << 11, 10, 7), (255 << 8, 7, 10), (5 << 3, 4, 5), (1, 3, 1)],
)
def test_every_quotient_is_rounded_half_up(numerator, input_bits, quotient_bits):
    divider = Divider(numerator, input_bits, quotient_bits)
    inputs = range(1 << (input_bits - 1), 1 << input_bits)
    stages = Divider.stages(quotient_bits)
    found = []

    async def bench(context):
        context.set(divider.enable, 1)
        for n in [*inputs, *[inputs[0]] * (stages - 1)]:
            context.set(divider.n, n)
            await context.tick()
            found.append(context.get(divider.quotient))

    simulator = Simulator(divider)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert found[stages - 1 :] == [(2 * numerator + n) // (2 * n) for n in inputs]
