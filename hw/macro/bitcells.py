"""The weights of one column: bitcells, written by lane, read a whole weight set at a time."""

from typing import Any

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.spec import MacroSpec
from hw.macro.plan import MacroPlan


class Bitcells(wiring.Component):
    """``weight_sets`` x ``lanes`` weights; ``q`` is the set ``set``, read in the same cycle.

    The cells come from the platform (``platform.bitcells``): "memory", an array with asynchronous
    read, as simulators and distributed RAM want it; or "blackbox", the module ``bitcells_...``
    with every cell visible, behind which the 4:1 read is ordinary logic.

    Members
    -------
    write : lanes that take their weight in this cycle, in the set ``write_set``
    write_data : ``weight_lanes`` weights; lane ``l`` takes number ``l % weight_lanes``
    """

    def __init__(self, spec: MacroSpec, plan: MacroPlan) -> None:
        self.spec, self.plan = spec, plan
        word = data.ArrayLayout(unsigned(spec.weight_bits), spec.lanes)
        super().__init__({
            "write": In(spec.lanes),
            "write_set": In(spec.set_bits),
            "write_data": In(data.ArrayLayout(unsigned(spec.weight_bits), plan.weight_lanes)),
            "set": In(spec.set_bits),
            "q": Out(word),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec = self.spec
        row = Cat(self.write_data[lane % self.plan.weight_lanes] for lane in range(spec.lanes))
        if getattr(platform, "bitcells", "memory") == "memory":
            width = spec.lanes * spec.weight_bits
            m.submodules.cells = cells = Memory(
                shape=unsigned(width), depth=max(2, spec.weight_sets), init=[]
            )
            write = cells.write_port(granularity=spec.weight_bits)
            read = cells.read_port(domain="comb")
            m.d.comb += [
                write.addr.eq(self.write_set),
                write.data.eq(row),
                write.en.eq(self.write),
                read.addr.eq(self.set),
                self.q.eq(read.data),
            ]
            return m
        m.submodules.cells = blackbox(spec, self, row, cells := _cells(spec))
        lines = Cat(self.set == index for index in range(spec.weight_sets))
        if spec.weight_sets == 1:
            lines = Const(1, 1)
        bits = []
        for bit in range(spec.lanes * spec.weight_bits):
            picked: Value = Const(0, 1)
            for index in range(spec.weight_sets):
                picked = picked | (cells[index][bit] & lines[index])
            bits.append(picked)
        m.d.comb += self.q.eq(Cat(bits))
        return m


def _cells(spec: MacroSpec) -> list[Signal]:
    width = spec.lanes * spec.weight_bits
    return [Signal(width, name=f"cells_{index}") for index in range(spec.weight_sets)]


def blackbox_name(spec: MacroSpec) -> str:
    """Verilog name of the bitcell array of one column."""
    return f"bitcells_{spec.weight_sets}x{spec.lanes}x{spec.weight_bits}"


def blackbox(spec: MacroSpec, port: Bitcells, row: Value, cells: list[Signal]) -> Instance:
    """Return the instance of the platform's array: same clock, write port, every cell as output."""
    return Instance(
        blackbox_name(spec),
        i_clk=ClockSignal(),
        i_write=port.write,
        i_write_set=port.write_set,
        i_write_data=row,
        o_q=Cat(cells),
    )


def blackbox_model(spec: MacroSpec) -> str:
    """Return a behavioural Verilog model with the ports of the array."""
    word = spec.lanes * spec.weight_bits
    return f"""\
module {blackbox_name(spec)} (
  input wire clk,
  input wire [{spec.lanes - 1}:0] write,
  input wire [{spec.set_bits - 1}:0] write_set,
  input wire [{word - 1}:0] write_data,
  output reg [{spec.weight_sets * word - 1}:0] q
);
  integer lane;
  initial q = 0;
  always @(posedge clk)
    for (lane = 0; lane < {spec.lanes}; lane = lane + 1)
      if (write[lane])
        q[write_set * {word} + lane * {spec.weight_bits} +: {spec.weight_bits}]
          <= write_data[lane * {spec.weight_bits} +: {spec.weight_bits}];
endmodule
"""
