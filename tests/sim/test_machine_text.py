# amaranth: UnusedElaboratable=no
"""How the accelerator's Verilog is changed for Verilator, and that it is emitted once."""

from dataclasses import dataclass

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from sim.accelerator import machine_text
from sim.accelerator.machine_text import for_verilator, machine_verilog

TEXT = """\
module core_a1(clk, o);
  reg [7:0] cells [3:0];
  initial begin
    cells[0] = 8'h00;
    cells[1] = 8'h10;
    cells[2] = 8'h00;
  end
  always @* begin
    sums[0] = 8'h00;
  end
  always @*
    job[61:58] = 4'h3;
endmodule

module \\core_a1.partial_sums (clk, o);
endmodule

module bank_8 (clk, o);
endmodule
"""


def test_only_what_memories_begin_with_is_left_out():
    lines = for_verilator(TEXT).splitlines()
    assert "    cells[1] = 8'h10;" in lines
    assert not any(line.startswith(("    cells[0]", "    cells[2]")) for line in lines)
    assert "    sums[0] = 8'h00;" in lines


def test_what_depends_on_nothing_is_assigned_at_first():
    lines = for_verilator(TEXT).splitlines()
    place = lines.index("    job[61:58] = 4'h3;")
    assert lines[place - 1] == "  initial"
    assert sum(line.startswith("  always @*") for line in lines) == 1


def test_cores_are_blocks_and_banks_are_modules():
    lines = for_verilator(TEXT).splitlines()
    assert "module core_a1(clk, o); /*verilator hier_block*/" in lines
    assert "module \\core_a1.partial_sums (clk, o);" in lines
    assert "module bank_8 (clk, o); /*verilator no_inline_module*/" in lines


@dataclass(frozen=True, kw_only=True)
class Plan:
    value: int


class Constant(wiring.Component):
    """Shows its plan's value."""

    o: Out(8)

    def __init__(self, plan):
        self.plan = plan
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(self.plan.value)
        return m


def test_a_plan_is_emitted_once(tmp_path, monkeypatch):
    monkeypatch.setattr(Constant, "__module__", "hw.stream")
    emitted = []
    emit = machine_text.emit

    def counted(*arguments):
        emitted.append(arguments)
        return emit(*arguments)

    monkeypatch.setattr(machine_text, "emit", counted)
    texts = [machine_verilog(Constant(Plan(value=value)), cache=tmp_path) for value in (5, 6, 5, 6)]
    assert texts[:2] == texts[2:] and texts[0] != texts[1] and len(emitted) == 2
    assert "8'h05" in texts[0] and "8'h06" in texts[1]
    assert len(list(tmp_path.iterdir())) == 2
