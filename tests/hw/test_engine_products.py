"""Products of the engine's columns: the gates' form and the words' give the same sums."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Fragment, Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from golden.operator_spec import AttentionSpec
from hw.engine.plan import EnginePlan
from hw.engine.products import Drive, Products, input_bits

PLAN = EnginePlan(head_size=4, lanes=4, longest=16)


class Gates:
    """A platform whose arithmetic is the circuit."""

    arithmetic = "gates"


class Column(wiring.Component):
    """One column and what drives it."""

    def __init__(self, spec: AttentionSpec) -> None:
        self.drive, self.products = Drive(spec, PLAN), Products(spec, PLAN)
        super().__init__({})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules += [self.drive, self.products]
        m.d.comb += self.products.drive.eq(self.drive.o)
        return m


@pytest.mark.parametrize("platform", [None, Gates()])
@pytest.mark.parametrize("probability_bits", [8, 10])
def test_sums_of_codes_and_of_probabilities(platform: Any, probability_bits: int) -> None:
    spec = AttentionSpec(heads=1, key_block=4, probability_bits=probability_bits)
    rng = np.random.default_rng(probability_bits)
    column = Column(spec)
    simulator = Simulator(Fragment.get(column, platform))

    async def bench(context: Any) -> None:
        for signed in [0, 1] * 15:
            high = 256 if signed else 1 << input_bits(spec, PLAN)
            x = rng.choice([rng.integers(0, high, 4), np.full(4, high - 1), np.full(4, 128)])
            w = rng.choice([rng.integers(-128, 128, 4), np.full(4, -128)])
            addend = int(rng.integers(-(1 << 14), 1 << 14))
            for lane in range(4):
                context.set(column.drive.x[lane], int(x[lane]))
                context.set(column.products.weights[lane], int(w[lane]) & 255)
            context.set(column.drive.signed, signed)
            context.set(column.products.addend, addend)
            await context.tick()
            value = np.where(x >= 128, x - 256, x) if signed else x
            assert context.get(column.products.o) == int(value @ w) + addend

    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
