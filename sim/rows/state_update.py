"""Row of the state updates: golden's steps, with products that are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from golden.integer import Integers, saturate
from golden.operator_spec import RecurrentSpec
from golden.ops.interpolate import interpolate
from golden.ops.recurrent import StateProduct, gru_step, lstm_step, rnn_step
from hw.ops.plan import LanesPlan
from hw.ops.state_lane import BITS, Cell, stage_count
from hw.ops.state_update import StateUpdate, has_two_passes
from sim.row import Cycles, Operator, Point, Stimulus
from sim.stimulus import rows
from sim.tensors import Tensor, back_to_back, golden, join

GATES = {"rnn": 1, "gru": 3, "lstm": 4}


@dataclass(frozen=True, kw_only=True)
class CellPlan(LanesPlan):
    """Lanes of a cell of this kind."""

    cell: Cell = "gru"


class DrawnProduct(StateProduct):
    """Stands for the product of a state: drawn numbers, and a memory of what was multiplied."""

    def __init__(self, products: Integers) -> None:
        self._products = products.reshape(-1)
        self.operand: Integers = np.zeros(0, np.int64)

    def __call__(self, h: Integers, columns: slice = slice(None)) -> Integers:
        self.operand = h
        return self._products[columns]


def stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    """Gates, products and states of every magnitude; half of the gates are zero.

    Alone, a product reaches every segment of the tables; with a gate it often saturates.
    """
    spec, lanes, cell = point.spec, point.plan.lanes, point.plan.cell

    def drawn(gates: int) -> Integers:
        return rows(rng, BITS, gates * count, lanes).reshape(gates, count * lanes)

    gates, products = drawn(GATES[cell]), drawn(GATES[cell])
    gates[rng.random(gates.shape) < 0.5] = 0
    state = drawn(1)[0]
    recurrence, flat = DrawnProduct(products), gates.reshape(-1)
    sent: dict[str, Integers] = {"gates": gates, "products": products, "state": state}
    if cell == "rnn":
        del sent["state"]
        made = {"new": rnn_step(spec, recurrence, flat, (state,))[0]}
    elif cell == "lstm":
        new, c = lstm_step(spec, recurrence, flat, (state, state))
        made = {"new": new, "other": c}
    else:
        made = {"new": gru_step(spec, recurrence, flat, (state,))[0]}
    sent, made = ({name: _beats(x, lanes) for name, x in own.items()} for own in (sent, made))
    if has_two_passes(spec, cell):
        z = interpolate(spec.sigmoid, saturate(gates[1] + products[1], BITS)).reshape(-1, lanes)
        reset = recurrence.operand.reshape(-1, lanes)
        order = rng.permutation(2 * count)
        # What the second pass does not read is anything.
        unread = _beats(drawn(1), lanes)
        passes = {
            name: (x[..., :2], np.concatenate([x[..., 2:], unread], axis=-1))
            for name, x in sent.items()
            if name != "state"
        } | {
            "state": (sent["state"], sent["state"]),
            "update": (unread[..., 0], z),
            "candidate": (np.zeros(count, int), np.ones(count, int)),
        }
        sent = {name: np.concatenate(pair)[order] for name, pair in passes.items()}
        results = {"new": (reset, made["new"]), "other": (z, z)}
        made = {name: np.concatenate(pair)[order] for name, pair in results.items()}
    last = {"last": rng.integers(0, 2, len(made["new"]))}
    return join([Tensor(loads={}, rows={"i": sent | last}, expected={"o": made | last})])


def _beats(x: Integers, lanes: int) -> Integers:
    """(states,) or (gates, states) as (beats, lanes) or (beats, lanes, gates)."""
    beats = x.reshape(*x.shape[:-1], -1, lanes)
    return np.moveaxis(beats, 0, -1) if x.ndim == 2 else beats


def timing(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
    """One beat a cycle, each after the cell's stages."""
    i = back_to_back(stimulus, cycles, "i")
    return {"i": i, "o": i + stage_count(point.spec, point.plan.cell)}


STATE_UPDATE = Operator(
    golden=golden,
    component=lambda point: StateUpdate(point.spec, point.plan.cell, point.plan),
    points={
        "rnn": Point(spec=RecurrentSpec(), plan=CellPlan(lanes=2, cell="rnn"), quick=False),
        "gru-before": Point(spec=RecurrentSpec(index_bits=4), plan=CellPlan(lanes=2)),
        "gru-after": Point(
            spec=RecurrentSpec(index_bits=4, reset_after=True), plan=CellPlan(lanes=2), quick=False
        ),
        "lstm": Point(spec=RecurrentSpec(index_bits=5), plan=CellPlan(lanes=2, cell="lstm")),
        "lstm-coarse": Point(
            spec=RecurrentSpec(index_bits=4, cell_fraction_bits=15, gate_fraction_bits=8),
            plan=CellPlan(lanes=1, cell="lstm"),
            quick=False,
        ),
    },
    stimulus=stimulus,
    timing=timing,
)
