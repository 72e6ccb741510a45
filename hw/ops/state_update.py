"""State updates of recurrent cells, as a stream of states."""

from typing import Any

from amaranth.hdl import Module, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import RecurrentSpec
from hw.ops.plan import LanesPlan
from hw.ops.state_lane import BITS, Cell, StateLane, gate_count, stage_count
from hw.pipeline import Pipeline, held


def has_two_passes(spec: RecurrentSpec, cell: Cell) -> bool:
    """Whether a second product, of ``r * h``, lies between the gates and the new state."""
    return cell == "gru" and not spec.reset_after


def input_layout(spec: RecurrentSpec, cell: Cell, lanes: int) -> data.StructLayout:
    """Gates, products and old state of ``lanes`` states; see ``StateLane``."""
    words = data.ArrayLayout(signed(BITS), lanes)
    gates = data.ArrayLayout(data.ArrayLayout(signed(BITS), gate_count(spec, cell)), lanes)
    members: dict[str, Any] = {"gates": gates, "products": gates}
    if cell != "rnn":
        members["state"] = words
    if has_two_passes(spec, cell):
        members |= {"update": words, "candidate": unsigned(1)}
    return data.StructLayout(members | {"last": unsigned(1)})


def output_layout(spec: RecurrentSpec, cell: Cell, lanes: int) -> data.StructLayout:
    """New states; also c of an LSTM, z of a GRU in two passes."""
    words = data.ArrayLayout(signed(BITS), lanes)
    members: dict[str, Any] = {"new": words}
    if cell == "lstm" or has_two_passes(spec, cell):
        members["other"] = words
    return data.StructLayout(members | {"last": unsigned(1)})


class StateUpdate(wiring.Component):
    """New states of an RNN, a GRU or an LSTM from gates, products and old states.

    Latency is ``stage_count(spec, cell)`` cycles, throughput one beat of ``lanes`` states per
    cycle. A GRU whose reset comes before the candidate's product takes two passes (``StateLane``),
    which may follow each other in any order, beat by beat.

    Parameters
    ----------
    spec : :class:`~golden.operator_spec.RecurrentSpec`
    cell : "rnn", "gru" or "lstm"
    plan : :class:`~hw.ops.plan.LanesPlan`

    Members
    -------
    i : :py:`In(stream.Signature(input_layout(spec, cell, lanes)))`
    o : :py:`Out(stream.Signature(output_layout(spec, cell, lanes)))`
    """

    def __init__(self, spec: RecurrentSpec, cell: Cell, plan: LanesPlan | None = None) -> None:
        self.spec, self.cell = spec, cell
        self.plan = LanesPlan() if plan is None else plan
        lanes = self.plan.lanes
        super().__init__({
            "i": In(stream.Signature(input_layout(spec, cell, lanes))),
            "o": Out(stream.Signature(output_layout(spec, cell, lanes))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        i, o = self.i.p, self.o.p
        stages = stage_count(self.spec, self.cell)
        moves = Pipeline(m, self.i, self.o, stages).moves
        m.d.comb += o.last.eq(held(m, moves, "last", i.last, stages))
        given, made = i.shape().members, o.shape().members
        for index in range(self.plan.lanes):
            m.submodules[f"lane_{index}"] = lane = StateLane(self.spec, self.cell)
            m.d.comb += [
                lane.enable.eq(moves),
                lane.gates.eq(i.gates[index]),
                lane.products.eq(i.products[index]),
                o.new[index].eq(lane.new),
            ]
            if "state" in given:
                m.d.comb += lane.state.eq(i.state[index])
            if "update" in given:
                m.d.comb += [lane.update.eq(i.update[index]), lane.candidate.eq(i.candidate)]
            if "other" in made:
                m.d.comb += o.other[index].eq(lane.other)
        return m
