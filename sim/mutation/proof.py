"""Proof that a mutant cannot be told from its circuit by anything that a stream shows.

Circuit and mutant run side by side from their initial state with the same inputs, resets at any
time among them. ABC first merges registers and gates that are always equal (``scorr``), then
looks for an invariant under which no output differs (``pdr``).
"""

from collections.abc import Iterator
from pathlib import Path

from amaranth.hdl import Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw import yosys
from sim.mutation.mutants import SELECT, Mutants

_STATUS = "status.txt"
_SCRIPT = """\
read_verilog mutants.v miter.v
hierarchy -top miter
proc
flatten
opt_expr -mux_undef
opt -full
memory
opt -full
techmap
opt
dffunmap
opt
abc -dff -clk clk -g AND -script +strash;scorr;dc2;scorr;pdr,-T,{seconds};write_status,{status};map
"""
# ABC's word for a property that holds; it can append to a file but not create one.
_PROVED = "UNSAT"


class EqualityProof:
    """Tries mutants of a module with the ports of ``component``, one at a time."""

    def __init__(
        self,
        component: wiring.Component,
        mutants: Mutants,
        seconds: int = 60,
        cache: Path = yosys.CACHE,
    ) -> None:
        self._mutants, self._seconds, self._cache = mutants, seconds, cache
        self._inputs = {"clk": 1, "rst": 1}
        self._outputs: dict[str, int] = {}
        for path, member, _ in component.signature.flatten(component):
            ports = self._inputs if member.flow is In else self._outputs
            ports["__".join(map(str, path))] = Shape.cast(member.shape).width

    def equal(self, number: int) -> bool:
        """Return whether mutant ``number`` was proved equal, in ``seconds`` of the last step."""
        inputs = {"mutants.v": self._mutants.verilog, "miter.v": self._miter(number), _STATUS: ""}
        script = _SCRIPT.format(seconds=self._seconds, status=_STATUS)
        return _PROVED in yosys.run(script, inputs, [_STATUS], self._cache).outputs[_STATUS]

    def _miter(self, number: int) -> str:
        """Verilog that drives both with the same inputs and compares what comes out."""
        wires, places = [], []
        for side, choice in (("own", 0), ("mutant", number)):
            links = [f".{SELECT}({choice})"]
            links += [f".{name}({name})" for name in self._inputs]
            links += [f".{name}({side}_{name})" for name in self._outputs]
            wires += [f"wire [{bits - 1}:0] {side}_{name};" for name, bits in self._outputs.items()]
            places.append(f"top {side} ({', '.join(links)});")
        heads = [f"input wire [{bits - 1}:0] {name}" for name, bits in self._inputs.items()]
        return "\n".join([
            f"module miter ({', '.join(heads)}, output wire differs);",
            *wires,
            *places,
            f"assign differs = {' || '.join(self._differences())};",
            "endmodule\n",
        ])

    def _differences(self) -> Iterator[str]:
        for name in self._outputs:
            different = f"own_{name} != mutant_{name}"
            valid = name.removesuffix("payload") + "valid"
            # A payload may be anything while it is not valid.
            yield f"(own_{valid} && {different})" if valid in self._outputs else f"({different})"
