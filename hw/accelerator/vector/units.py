"""Several vector units that share the rows of an instruction."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from golden.spec import ceil_log2
from hw.accelerator.layout import read_signature, unit_members, write_signature
from hw.accelerator.vector.fields import Opcode, flags_layout, row_slots_layout
from hw.accelerator.vector.operands import OPERANDS
from hw.accelerator.vector.plan import VectorPlan
from hw.accelerator.vector.unit import RESULTS, VectorUnit

_STRIDE_BITS = 16


class VectorUnits(wiring.Component):
    """Unit u of U takes rows u, u + U, u + 2 U, ...: U words of each operand per cycle.

    Tables and channel numbers go to all of them. Windows of reduce, rows that a causal mask tells
    apart, and rows too far from each other for a stride of U rows go to unit 0 alone. An
    instruction starts when the one before it is complete everywhere.

    Parameters
    ----------
    plan : of each unit
    count : units, a power of two

    Members
    -------
    reads, writes : ports to the buffer, those of unit 0 first
    others : ``hw.accelerator.layout.unit_members``
    """

    def __init__(self, plan: VectorPlan, count: int = 1) -> None:
        if count not in {1, 2, 4, 8}:
            raise ValueError(f"count must be 1, 2, 4 or 8 units, not {count!r}")
        self.plan, self.count = plan, count
        sizes = (plan.address_bits, plan.word_bytes)
        super().__init__({
            **unit_members(),
            "reads": Out(read_signature(*sizes)).array(len(OPERANDS) * count),
            "writes": Out(write_signature(*sizes)).array(len(RESULTS) * count),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        units = [VectorUnit(self.plan) for _ in range(self.count)]
        for index, unit in enumerate(units):
            m.submodules[f"unit_{index}"] = unit
            for ports, names in ((self.reads, OPERANDS), (self.writes, RESULTS)):
                for place, name in enumerate(names, index * len(names)):
                    wiring.connect(m, getattr(unit, name), wiring.flipped(ports[place]))
        if self.count == 1:
            (unit,) = units
            wiring.connect(m, wiring.flipped(self.instructions), unit.instructions)
            m.d.comb += self.completed.eq(unit.completed)
        else:
            self._share(m, units)
        fault: Value = units[-1].fault
        for unit in reversed(units[:-1]):
            fault = Mux(unit.fault != 0, unit.fault, fault)
        m.d.comb += [
            self.fault.eq(fault),
            *(
                getattr(self, name).eq(Cat(getattr(unit, name) for unit in units).any())
                for name in ("busy", "input_stalled", "output_stalled")
            ),
        ]
        return m

    def _share(self, m: Module, units: list[VectorUnit]) -> None:
        """Give each unit its rows, when all are done with what was before."""
        given, shift = self.instructions.p, ceil_log2(self.count)
        slots = data.View(row_slots_layout(), Value.cast(given.slots))
        strides = [slots[name] for name in ("a_stride", "b_stride", "c_stride")]
        strides += [slots["rows_stride"], slots["codes_stride"]]
        rows, whole = given.counts[0], Signal()
        far = Cat(stride[_STRIDE_BITS - shift :] for stride in strides).any()
        causal = data.View(flags_layout(), given.flags).causal
        is_rows = given.opcode == Opcode.ROWS
        m.d.comb += whole.eq((given.opcode == Opcode.REDUCE) | (is_rows & (causal | far)))
        running, left = Signal(self.count), Signal(self.count)
        m.d.comb += [
            left.eq(running & ~Cat(unit.completed for unit in units)),
            # Whatever is under way is complete: every unit takes what it is given.
            self.instructions.ready.eq(~left.any() & (self.fault == 0)),
            self.completed.eq(running.any() & ~left.any()),
        ]
        given_away = self.instructions.valid & self.instructions.ready
        m.d.sync += running.eq(left | given_away.replicate(self.count))
        for index, unit in enumerate(units):
            target = unit.instructions.p
            changed = data.View(row_slots_layout(), Value.cast(target.slots))
            m.d.comb += [
                unit.instructions.valid.eq(given_away),
                unit.instructions.payload.eq(self.instructions.payload),
            ]
            with m.If(is_rows & ~whole):
                m.d.comb += target.counts[0].eq((rows + (self.count - 1 - index)) >> shift)
                for name in (*OPERANDS, *RESULTS):
                    stride = slots[f"{name}_stride"]
                    m.d.comb += [
                        changed[name].eq(slots[name] + index * stride),
                        changed[f"{name}_stride"].eq(stride << shift),
                    ]
            if index:
                with m.If(whole):
                    m.d.comb += target.counts[0].eq(0)
