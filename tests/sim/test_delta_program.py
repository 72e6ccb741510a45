"""Delta on the vector unit: held rows as golden has them, whatever they are."""

import numpy as np
import pytest

from golden.graph import Graph, Operator, Tensor
from golden.networks.instances import sample
from golden.operator_spec import DeltaSpec
from golden.ops.delta import delta
from hw.accelerator.plan import PLANS
from hw.program import Program, compile_network
from hw.program.compiler.delta import LARGEST
from sim.accelerator.inputs import integer_inputs
from sim.accelerator.interpreter import run_interpreted
from sim.accelerator.networks import load
from sim.accelerator.run import first_difference, golden_tensors, run_rtl, simulator

TINY = PLANS["tiny"]
WIDTH = 21
"""Elements of a row, in three words of which the last has room left."""


def held(threshold: int) -> Graph:
    """Rows that are held, and nothing else."""
    tensors = {
        name: Tensor(name=name, shape=("frames", WIDTH), bits=16, scale=1.0)
        for name in ("input", "held")
    }
    operator = Operator(
        name="held",
        kind="delta",
        spec=DeltaSpec(threshold=threshold),
        inputs=("input",),
        outputs=("held",),
    )
    return Graph(
        name="held", inputs=("input",), outputs=("held",), tensors=tensors, operators=(operator,)
    )


def program(threshold: int) -> Program:
    return compile_network(held(threshold), TINY.machine, {"frames": 40})


def rows(threshold: int, count: int, seed: int) -> np.ndarray:
    """Steps at the threshold and beside it, both ways, jumps, and the ends of the range."""
    rng = np.random.default_rng(seed)
    steps = threshold + np.arange(-1, 2)
    x = np.cumsum(
        np.where(
            rng.random((count, WIDTH)) < 0.8,
            rng.choice([*steps, *-steps, 0, 1], (count, WIDTH)),
            rng.integers(-65535, 65536, (count, WIDTH)),
        ),
        axis=0,
    )
    ends = rng.choice([-32768, 32767, *(32767 - steps), *(steps - 32768)], x.shape)
    return np.clip(np.where(rng.random(x.shape) < 0.3, ends, x), -32768, 32767)


@pytest.mark.parametrize("threshold", [0, 1, 225, LARGEST])
def test_rows_are_held_as_golden_holds_them(threshold: int) -> None:
    made = program(threshold)
    kept = taken = 0
    for seed, count in enumerate((40, 1, 2, 17)):
        x = rows(threshold, count, seed)
        (y,) = run_interpreted(made, {"input": x}).values()
        expected = delta(DeltaSpec(threshold=threshold), x)
        np.testing.assert_array_equal(y, expected)
        same = expected[1:] == expected[:-1]
        kept, taken = kept + int(same.sum()), taken + int((~same).sum())
    assert min(kept, taken) > 100


def test_a_threshold_that_the_vector_unit_has_no_room_for() -> None:
    with pytest.raises(ValueError, match="'held' holds differences up to 16384, but the vector"):
        program(LARGEST + 1)


def test_a_keyword_spotter_with_delta_attention_on_rtl() -> None:
    """Its held rows have one static scale, in queries too; every tensor is compared."""
    loaded = load("kwt, delta", TINY.machine)
    made = compile_network(loaded.graph, TINY.machine, loaded.maximums, trace=True)
    inputs = [integer_inputs(loaded, sample(loaded.graph, seed)) for seed in (3,)]
    for given, run in zip(inputs, run_rtl(simulator(TINY), made, inputs), strict=True):
        assert first_difference(loaded.graph, run, golden_tensors(loaded, given)) is None
