"""A circuit of gates whose registers are ports, beside a mutant of its own.

What registers hold is the input ``state``, what they take is the output ``next_state``: one step
from any state is a question about gates alone, which a SAT solver answers.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sim.mutation.mutants import SELECT

STATE, NEXT = "state", "next_state"

Netlist = dict[str, Any]
"""A module in Yosys' JSON."""


def without_registers(top: Netlist) -> Netlist:
    """Make what registers hold an input, and what they take an output."""
    cells = top["cells"].items()
    registers = [cell["connections"] for _, cell in cells if cell["type"] == "$_DFF_P_"]
    ports = {
        STATE: {"direction": "input", "bits": [bit for one in registers for bit in one["Q"]]},
        NEXT: {"direction": "output", "bits": [bit for one in registers for bit in one["D"]]},
    }
    gates = {name: cell for name, cell in cells if cell["type"] not in {"$_DFF_P_", "$scopeinfo"}}
    return {"ports": top["ports"] | ports, "cells": gates, "netnames": {}}


def flag_places(top: Netlist) -> list[int]:
    """Places in ``state`` of registers of one bit, those called valid first."""
    bits = without_registers(top)["ports"][STATE]["bits"]
    places = {bit: place for place, bit in enumerate(bits)}
    ranks: dict[int, bool] = {}
    for name, net in top["netnames"].items():
        if len(net["bits"]) == 1 and net["bits"][0] in places:
            place = places[net["bits"][0]]
            ranks[place] = ranks.get(place, False) or name.endswith("valid")
    return sorted(ranks, key=lambda place: not ranks[place])


class Miter:
    """Verilog of circuit and mutant side by side with the same inputs, as module ``miter``.

    ``differs`` compares what comes out, payloads while they are valid. With ``state`` among the
    ports, ``following`` is the circuit's ``next_state``, and ``change`` has the bits that are not
    the mutant's.
    """

    def __init__(self, top: Netlist, number: int) -> None:
        self.inputs, self.outputs = (
            {
                name: len(port["bits"])
                for name, port in top["ports"].items()
                if port["direction"] == direction and name != SELECT
            }
            for direction in ("input", "output")
        )
        self.number = number

    @property
    def opened(self) -> bool:
        """Whether registers are ports."""
        return STATE in self.inputs

    def verilog(
        self,
        differs: str | None = None,
        fixed: Mapping[int, int] | None = None,
        loose: Collection[int] = (),
    ) -> str:
        """Return the text.

        Parameters
        ----------
        differs : expression for ``differs`` instead of any difference
        fixed : bits of the state with one value alone
        loose : bits of the state that are another in the mutant
        """
        fixed = fixed or {}
        heads = [f"input wire [{bits - 1}:0] {name}" for name, bits in self.inputs.items()]
        lines = []
        if self.opened:
            bits = self.inputs[STATE]
            heads.append(f"input wire [{bits - 1}:0] other")
            heads += [f"output wire [{bits - 1}:0] {name}" for name in ("change", "following")]
            lines += [
                f"wire [{bits - 1}:0] own_{STATE}, mutant_{STATE};",
                f"assign following = own_{NEXT};",
                f"assign change = own_{NEXT} ^ mutant_{NEXT};",
            ]
            for place in range(bits):
                own = f"1'b{fixed[place]}" if place in fixed else f"{STATE}[{place}]"
                mutant = f"other[{place}]" if place in loose else own
                lines.append(f"assign own_{STATE}[{place}] = {own};")
                lines.append(f"assign mutant_{STATE}[{place}] = {mutant};")
        for side, choice in (("own", 0), ("mutant", self.number)):
            links = [f".{SELECT}({choice})"]
            links += [
                f".{name}({side}_{name})" if name == STATE else f".{name}({name})"
                for name in self.inputs
            ]
            for name, bits in self.outputs.items():
                lines.append(f"wire [{bits - 1}:0] {side}_{name};")
                links.append(f".{name}({side}_{name})")
            lines.append(f"top {side} ({', '.join(links)});")
        any_output = " || ".join(self._differences())
        whole = f"{any_output} || change != 0" if self.opened else any_output
        told = whole if differs is None else differs.format(outputs=f"({any_output})")
        return "\n".join([
            f"module miter ({', '.join(heads)}, output wire differs);",
            *lines,
            f"assign differs = {told};",
            "endmodule\n",
        ])

    def _differences(self) -> Iterator[str]:
        for name in self.outputs:
            if name == NEXT:
                continue
            different = f"own_{name} != mutant_{name}"
            valid = name.removesuffix("payload") + "valid"
            # A payload may be anything while it is not valid.
            yield f"(own_{valid} && {different})" if valid in self.outputs else f"({different})"
