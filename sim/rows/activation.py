"""Row of the activation tables: elements of every magnitude, tables loaded between tensors."""

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from golden.configs import TABLES
from golden.ops.activation import activation
from golden.table_spec import Function
from hw.ops.activation import Activation
from hw.ops.interpolate import segments
from hw.ops.plan import ActivationPlan
from sim.row import Cycles, Operator, Point, Stimulus
from sim.stimulus import rows
from sim.tensors import Tensor, back_to_back, golden, join, row_beats

SMALL = TABLES["tiny"]

_LOADED: tuple[Function, ...] = get_args(Function)[:6]


def stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    """Through a few functions, one after the other: no reset brings back what was loaded before."""
    return join([
        _tensor(point, rng, count, function) for function in rng.permutation(_LOADED)[:3].tolist()
    ])


def timing(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
    """One beat a cycle, each after ``STAGES`` cycles."""
    i = back_to_back(stimulus, cycles, "i")
    return {"i": i, "o": i + Activation.STAGES}


def _tensor(point: Point, rng: np.random.Generator, count: int, function: Function) -> Tensor:
    spec, lanes = replace(point.spec, function=function), point.plan.lanes
    width = int(rng.integers(1, 6 * lanes))
    beats = -(-width // lanes)
    columns = beats * lanes
    x = rows(rng, spec.input_bits, -(-count // beats), columns, spec.input_signed)
    table = segments(spec)
    order = rng.permutation(len(table))
    return Tensor(
        loads={
            "table": {
                "base": np.array([table[k]["base"] for k in order], np.int64),
                "rise": np.array([table[k]["rise"] for k in order], np.int64),
                "index": order,
            }
        },
        rows={"i": row_beats(x, lanes)},
        expected={"o": row_beats(activation(spec, x), lanes)},
    )


ACTIVATION = Operator(
    golden=golden,
    component=lambda point: Activation(point.spec, point.plan),
    points={
        "default": Point(spec=TABLES["default"], plan=ActivationPlan(lanes=4), quick=False),
        "small": Point(spec=SMALL, plan=ActivationPlan(lanes=2, lanes_per_table=1)),
        "exact": Point(
            spec=replace(SMALL, index_bits=8),
            plan=ActivationPlan(lanes=4, lanes_per_table=4),
            quick=False,
        ),
        "unsigned": Point(
            spec=replace(SMALL, input_signed=False, output_signed=False, function="tanh"),
            plan=ActivationPlan(lanes=2),
            quick=False,
        ),
    },
    stimulus=stimulus,
    timing=timing,
)
