"""Benches on netlists of FPGA cells."""

import re

import pytest

from fpga.design import StreamDesign
from fpga.netlist import models, netlist
from golden.spec import MacroSpec
from hw.macro.pipelined import PipelinedPlan
from hw.macro.plan import MacroPlan
from sim import native
from sim.row import Mismatch, Point, Traffic

SPEC = MacroSpec(lanes=2, columns=1, weight_sets=2, input_bits=4, weight_bits=4)
SERIAL = MacroPlan(bits_per_cycle=1, products="plain")
DESIGNS = {
    "planes": StreamDesign(
        name="planes",
        row="pipelined_macro",
        point=Point(spec=SPEC, plan=PipelinedPlan(macro=SERIAL)),
        megahertz=1,
        synthesis=("-nodsp",),
    ),
    "multipliers": StreamDesign(
        name="multipliers",
        row="pipelined_macro",
        point=Point(spec=SPEC, plan=PipelinedPlan(products="multipliers")),
        megahertz=1,
    ),
}


def verify(design: StreamDesign, verilog: str) -> None:
    component = design.operator.component(design.point)
    component._MustUse__used = True
    simulator = native.build(component, verilog=verilog)
    traffic = Traffic(idle=0.3, stall=0.3)
    design.operator.verify(design.point, simulator.run, seed=1, traffic=traffic, count=100)


@pytest.mark.parametrize("name", DESIGNS)
def test_a_macro_in_cells_of_ecp5_is_bit_exact(name):
    verilog = netlist(DESIGNS[name], "ecp5")
    assert verilog.count("endmodule") == 1
    verify(DESIGNS[name], verilog)


def test_a_fault_in_a_cell_is_seen():
    verilog = netlist(DESIGNS["planes"], "ecp5")
    # The top bit of the result, upside down.
    faulty, count = re.subn(r"assign o__payload = (.*?);", r"assign o__payload = ~(\1);", verilog)
    if not count:
        pytest.fail("the netlist has no such line: change the fault")
    with pytest.raises(Mismatch):
        verify(DESIGNS["planes"], faulty)


def test_a_cell_without_a_model_is_named():
    with pytest.raises(ValueError, match="no model of the cell 'JTAGG': give it one"):
        models({"LUT4", "JTAGG"}, "ecp5")
