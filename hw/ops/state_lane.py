"""What an RNN, GRU or LSTM does with one state after its products."""

from collections.abc import Callable
from typing import Any, Literal

from amaranth.hdl import Cat, Module, Mux, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.operator_spec import RecurrentSpec
from golden.table_spec import TableSpec
from hw.ops.interpolate import Interpolation
from hw.ops.requantize import clipped
from hw.pipeline import held
from hw.platform import Shared

Cell = Literal["rnn", "gru", "lstm"]
BITS = 16
ONE_BITS = 15


def gate_count(spec: RecurrentSpec, cell: Cell) -> int:
    """Gates that one pass takes: a GRU with its reset before the product has two passes."""
    return {"rnn": 1, "gru": 3 if spec.reset_after else 2, "lstm": 4}[cell]


def stage_count(spec: RecurrentSpec, cell: Cell) -> int:
    """Cycles from the gates of a state to its new value: sums, tables, products, rounding."""
    table = Interpolation.STAGES
    if cell == "rnn":
        return 1 + table
    if cell == "lstm":
        return 1 + table + 2 + table + 2
    return 1 + table + (3 + table if spec.reset_after else 0) + 2


class StateLane(Shared):
    """The new state of one cell, as ``golden.ops.recurrent`` steps it.

    Sums of gates and products saturate, every product of states is rounded once; with gates of 0
    to 1 only the cell of an LSTM can leave its range, and saturates. Gates stand in
    golden's order: r, z and the candidate of a GRU; i, f, o and the candidate of an LSTM. Latency
    is ``stage_count`` enabled cycles, throughput one state in each.

    A GRU with its reset before the product goes through twice: first with r and z, which gives
    ``r * h`` and z, then with the candidate alone as first gate, the flag ``candidate`` and z.

    Members
    -------
    enable : all stages move
    gates, products : what the input and what the state gave
    state : h of a GRU, c of an LSTM
    update, candidate : z and the flag of a GRU's second pass
    new : the new h, or ``r * h``
    other : the new c of an LSTM, z of a GRU
    """

    def __init__(self, spec: RecurrentSpec, cell: Cell) -> None:
        if cell not in {"rnn", "gru", "lstm"}:
            raise ValueError(f"cell must be 'rnn', 'gru' or 'lstm', not {cell!r}")
        self.spec, self.cell = spec, cell
        self.key = (
            f"state_lane_{cell}_g{spec.gate_fraction_bits}c{spec.cell_fraction_bits}"
            f"x{spec.index_bits}{'_after' if spec.reset_after else ''}"
        )
        gates = data.ArrayLayout(signed(BITS), gate_count(spec, cell))
        word = signed(BITS)
        super().__init__({
            "enable": In(1),
            "gates": In(gates),
            "products": In(gates),
            "state": In(word),
            "update": In(word),
            "candidate": In(1),
            "new": Out(word),
            "other": Out(word),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        forms: dict[Cell, Callable[[Module], tuple[Value, Value]]] = {
            "rnn": self._rnn,
            "gru": self._gru_after if self.spec.reset_after else self._gru_before,
            "lstm": self._lstm,
        }
        new, other = forms[self.cell](m)
        m.d.comb += [self.new.eq(new), self.other.eq(other)]
        return m

    def _rnn(self, m: Module) -> tuple[Value, Value]:
        """``tanh(gates + h Wh)``."""
        return self._table(m, "tanh", self.spec.tanh, self._sum(m, 0)), Cat()

    def _gru_before(self, m: Module) -> tuple[Value, Value]:
        """First ``h * r`` and z, then ``z * h + (1 - z) * candidate``."""
        spec, table = self.spec, 1 + Interpolation.STAGES
        sums = [self._sum(m, gate) for gate in range(2)]
        reset, fresh = (
            self._table(m, name, form, sums[0])
            for name, form in (("reset", spec.sigmoid), ("candidate", spec.tanh))
        )
        second = self._later(m, "second", self.candidate, table)
        given = self._later(m, "given", self.update, table)
        z = Mux(second, given, self._table(m, "update", spec.sigmoid, sums[1]))
        h = self._later(m, "h", self.state, table)
        kept = self._later(m, "kept", h * Mux(second, given, reset))
        taken = self._later(m, "taken", Mux(second, ((1 << ONE_BITS) - given) * fresh, 0))
        new = self._later(m, "new", self._rounded(kept + taken, ONE_BITS)[:BITS])
        return new, self._later(m, "z", z, 2)

    def _gru_after(self, m: Module) -> tuple[Value, Value]:
        """``z * h + (1 - z) * tanh(gates + r * (h Wh))``."""
        spec, table = self.spec, 1 + Interpolation.STAGES
        reset = self._table(m, "reset", spec.sigmoid, self._sum(m, 0))
        z = self._table(m, "update", spec.sigmoid, self._sum(m, 1))
        product = self._later(m, "product", self.products[2], table)
        recurrent = self._later(m, "recurrent", (product * reset).shift_right(ONE_BITS - 1))
        recurrent = self._later(m, "rounded", self._rounded(recurrent, 1)[:BITS].as_signed())
        gate = self._later(m, "gate", self.gates[2], table + 2)
        before = self._later(m, "before", clipped(m, "before", gate + recurrent, BITS))
        fresh = self._table(m, "candidate", spec.tanh, before)
        z = self._later(m, "z", z, 3 + Interpolation.STAGES)
        h = self._later(m, "h", self.state, table + 3 + Interpolation.STAGES)
        kept = self._later(m, "kept", z * h)
        taken = self._later(m, "taken", ((1 << ONE_BITS) - z) * fresh)
        return self._later(m, "new", self._rounded(kept + taken, ONE_BITS)[:BITS]), Cat()

    def _lstm(self, m: Module) -> tuple[Value, Value]:
        """``c' = f * c + i * candidate`` and ``h' = o * tanh(c')``."""
        spec, table = self.spec, 1 + Interpolation.STAGES
        i, f, o = (
            self._table(m, name, spec.sigmoid, self._sum(m, gate))
            for gate, name in enumerate(("input", "forget", "output"))
        )
        fresh = self._table(m, "candidate", spec.tanh, self._sum(m, 3))
        c = self._later(m, "c", self.state, table)
        kept = self._later(m, "kept", f * c)
        taken = self._later(m, "taken", i * fresh)
        total = (kept << (ONE_BITS - spec.cell_fraction_bits)) + taken
        cell = self._rounded(total, 2 * ONE_BITS - spec.cell_fraction_bits)
        cell = self._later(m, "cell", clipped(m, "clip_cell", cell, BITS))
        shown = self._table(m, "shown", spec.cell_tanh, cell)
        o = self._later(m, "o", o, 2 + Interpolation.STAGES)
        product = self._later(m, "product", (shown * o).shift_right(ONE_BITS - 1))
        new = self._later(m, "new", self._rounded(product, 1)[:BITS])
        return new, self._later(m, "cell_later", cell, Interpolation.STAGES + 2)

    def _sum(self, m: Module, gate: int) -> Value:
        total = clipped(m, f"clip_{gate}", self.gates[gate] + self.products[gate], BITS)
        return self._later(m, f"sum_{gate}", total)

    def _table(self, m: Module, name: str, spec: TableSpec, x: Value) -> Value:
        m.submodules[name] = table = Interpolation(spec)
        m.d.comb += [table.enable.eq(self.enable), table.x.eq(x)]
        return table.y

    def _rounded(self, value: Value, shift: int) -> Value:
        """Half up."""
        return (value + (1 << (shift - 1))).shift_right(shift)

    def _later(self, m: Module, name: str, value: Value, stages: int = 1) -> Value:
        return held(m, self.enable, name, value, stages)
