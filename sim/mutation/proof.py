"""Proof that a mutant cannot be told from its circuit by anything that a stream shows.

Circuit and mutant stand side by side with the same inputs, resets at any time among them. First
from any state, the same in both: whatever leaves and whatever is stored next must be equal, which a
SAT solver decides. Else from the initial state, with registers that nobody resets at zero: ABC
merges what is always equal (``scorr``) and looks for an invariant under which no output differs
(``pdr``).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from hw import yosys
from sim.mutation.mutants import SELECT, Mutants

Reason = Literal["the same from any state", "the same from reset"]

_GATES = """\
read_verilog mutants.v
hierarchy -top top
proc
flatten
opt_expr -mux_undef
opt -full
memory
opt -full
techmap
opt
dfflegalize -cell $_DFF_P_ 01
opt_clean -purge
write_json gates.json
"""
_MITER = """\
read_json gates.json
read_verilog miter.v
hierarchy -top miter
flatten
opt_clean
opt -full
techmap
opt
"""
_FROM_ANY_STATE = """\
tee -o verdict.txt sat -prove differs 0 -timeout {seconds} miter
"""
_FROM_RESET = """\
dfflegalize -cell $_DFF_P_ 01
abc -dff -clk clk -g AND -script +{script}
opt_clean -purge
write_verilog -noattr swept.v
"""
_SWEEP = "strash;scorr;dc2;scorr;pdr,-T,{seconds};write_status,verdict.txt;map"
_EQUAL = "no model found: SUCCESS"
# What ``scorr`` leaves of an output that never is 1, and ABC's word where ``pdr`` found that.
_NEVER, _PROVED = "assign differs = 1'h0;", "UNSAT"

_Module = dict[str, Any]


class EqualityProof:
    """Tries the mutants of a circuit, one at a time.

    Parameters
    ----------
    seconds : for each of the two proofs of a mutant
    """

    def __init__(self, mutants: Mutants, seconds: int = 60, cache: Path = yosys.CACHE) -> None:
        self._seconds, self._cache = seconds, cache
        done = yosys.run(_GATES, {"mutants.v": mutants.verilog}, ["gates.json"], cache)
        whole = json.loads(done.outputs["gates.json"])["modules"]["top"]
        self._whole, self._opened = whole, _without_registers(whole)

    def equal(self, number: int) -> Reason | None:
        """Return how mutant ``number`` was proved equal, or ``None``."""
        if self._from_any_state(number):
            return "the same from any state"
        return "the same from reset" if self._from_reset(number) else None

    def _from_any_state(self, number: int) -> bool:
        script = _MITER + _FROM_ANY_STATE.format(seconds=self._seconds)
        told = self._run(script, self._opened, number, ["verdict.txt"])
        return _EQUAL in told.get("verdict.txt", "")

    def _from_reset(self, number: int) -> bool:
        script = _MITER + _FROM_RESET.format(script=_SWEEP.format(seconds=self._seconds))
        told = self._run(script, self._whole, number, ["verdict.txt", "swept.v"])
        return _NEVER in told.get("swept.v", "") or _PROVED in told.get("verdict.txt", "")

    def _run(self, script: str, top: _Module, number: int, outputs: list[str]) -> Mapping[str, str]:
        """Return what the proof wrote; nothing if it took too long."""
        inputs = {
            "gates.json": json.dumps({"modules": {"top": top}}),
            "miter.v": _miter(top["ports"], number),
            # ABC can append to a file, but not create one.
            "verdict.txt": "",
        }
        try:
            # Reading and preparing the netlists has its share of the time too.
            limit = 2 * self._seconds
            return yosys.run(script, inputs, outputs, self._cache, limit).outputs
        except TimeoutError:
            return {}


def _without_registers(top: _Module) -> _Module:
    """Make what registers hold an input, and what they take an output."""
    cells = top["cells"].items()
    registers = [cell["connections"] for _, cell in cells if cell["type"] == "$_DFF_P_"]
    state = {
        "state": {"direction": "input", "bits": [bit for one in registers for bit in one["Q"]]},
        "next_state": {
            "direction": "output",
            "bits": [bit for one in registers for bit in one["D"]],
        },
    }
    gates = {name: cell for name, cell in cells if cell["type"] not in {"$_DFF_P_", "$scopeinfo"}}
    return {"ports": top["ports"] | state, "cells": gates, "netnames": {}}


def _miter(ports: Mapping[str, Any], number: int) -> str:
    """Verilog that drives circuit and mutant with the same inputs and compares what comes out."""
    widths: dict[str, dict[str, int]] = {"input": {}, "output": {}}
    for name, port in ports.items():
        if name != SELECT:
            widths[port["direction"]][name] = len(port["bits"])
    inputs, outputs = widths["input"], widths["output"]
    wires, places = [], []
    for side, choice in (("own", 0), ("mutant", number)):
        links = [f".{SELECT}({choice})"]
        links += [f".{name}({name})" for name in inputs]
        links += [f".{name}({side}_{name})" for name in outputs]
        wires += [f"wire [{bits - 1}:0] {side}_{name};" for name, bits in outputs.items()]
        places.append(f"top {side} ({', '.join(links)});")
    heads = [f"input wire [{bits - 1}:0] {name}" for name, bits in inputs.items()]
    return "\n".join([
        f"module miter ({', '.join(heads)}, output wire differs);",
        *wires,
        *places,
        f"assign differs = {' || '.join(_differences(outputs))};",
        "endmodule\n",
    ])


def _differences(outputs: Mapping[str, int]) -> Iterator[str]:
    for name in outputs:
        different = f"own_{name} != mutant_{name}"
        valid = name.removesuffix("payload") + "valid"
        # A payload may be anything while it is not valid.
        yield f"(own_{valid} && {different})" if valid in outputs else f"({different})"
