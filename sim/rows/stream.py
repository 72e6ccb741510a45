"""Rows of the stream primitives: what goes in comes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import signed
from amaranth.lib import data
from numpy.typing import NDArray

from hw.ops.row_buffer import RowBuffer
from hw.stream import Buffer, Fork, Join, Queue
from sim.row import Cycles, Operator, Point, Stimulus
from sim.stimulus import magnitudes

LANES = 5
BITS = 9
ROW = data.ArrayLayout(signed(BITS), LANES)
FIELDS = {"row": ROW, "index": 3}


@dataclass(frozen=True, kw_only=True)
class QueuePlan:
    """Plan of a queue: how much it holds."""

    depth: int


def _row(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    copies = point.spec if isinstance(point.spec, int) else 0
    names = [f"o__{k}" for k in range(copies)] or ["o"]
    rows = magnitudes(rng, BITS, (count, LANES))
    return Stimulus(inputs={"i": rows}, outputs=dict.fromkeys(names, count))


def _same(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, Any]:
    return dict.fromkeys(stimulus.outputs, stimulus.inputs["i"])


def _one_later(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
    first = cycles["i"][0]
    return {name: first + 1 + np.arange(count) for name, count in stimulus.outputs.items()}


def _two_later(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
    return {"o": cycles["i"][0] + 2 + np.arange(len(cycles["i"]))}


def _at_once(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
    return dict.fromkeys(stimulus.outputs, cycles["i"][0] + np.arange(len(cycles["i"])))


def _pair(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    inputs = {
        "i__row": magnitudes(rng, BITS, (count, LANES)),
        "i__index": magnitudes(rng, 3, count, signed=False),
    }
    return Stimulus(inputs=inputs, outputs={"o": count})


def _joined(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, Any]:
    return {"o": {name: stimulus.inputs[f"i__{name}"] for name in FIELDS}}


BUFFER = Operator(
    golden=_same,
    component=lambda point: Buffer(ROW),
    points={"row": Point(spec=None)},
    stimulus=_row,
    timing=_one_later,
)

QUEUE = Operator(
    golden=_same,
    component=lambda point: Queue(ROW, point.plan.depth),
    points={
        f"depth-{depth}": Point(spec=None, plan=QueuePlan(depth=depth), quick=depth == 5)
        for depth in (2, 5, 16)
    },
    stimulus=_row,
    timing=_one_later,
)

ROW_BUFFER = Operator(
    golden=_same,
    component=lambda point: RowBuffer(ROW, point.plan.depth),
    points={
        f"depth-{depth}": Point(spec=None, plan=QueuePlan(depth=depth), quick=depth == 5)
        for depth in (3, 5, 16)
    },
    stimulus=_row,
    timing=_two_later,
)

FORK = Operator(
    golden=_same,
    component=lambda point: Fork(ROW, point.spec),
    points={"three": Point(spec=3)},
    stimulus=_row,
    timing=_at_once,
)

JOIN = Operator(
    golden=_joined,
    component=lambda point: Join(FIELDS),
    points={"two": Point(spec=None)},
    stimulus=_pair,
)
