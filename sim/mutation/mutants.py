"""A netlist with many faults, of which an input chooses one."""

import re
from dataclasses import dataclass
from pathlib import Path

from hw import yosys

SELECT = "mutsel"
"""Input that chooses the mutant; 0 is the circuit itself."""

# Word level, without what no simulation can see: bits cut off later, data of a disabled write. A
# memory that is read without a clock has an enable that Verilog cannot tell, so Yosys fails where
# it is mutated: such a memory is left out, and what drives and reads it is not.
_SCRIPT = """\
read_verilog design.v
hierarchy -top top
proc
flatten
opt_expr -mux_undef
opt -full
wreduce
memory -nordff -nomap
opt -full
mutate -list {count} -seed {seed} -ctrl {select} {bits} 1 -o mutants.ys {cells}
script mutants.ys
write_verilog -noattr mutants.v
"""
_CELLS = "t:* t:$mem_v2 r:RD_CLK_ENABLE=1'0 %i %d"
_OPTION = re.compile(r"-(\w+) (\S+)")


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One fault: what happens to which bit of a cell's port.

    ``mode`` is Yosys': inverted, constant, or inverted while another bit of the port (``control``)
    is 0 or 1. ``wire`` is the named signal there, if there is one.
    """

    number: int
    mode: str
    cell: str
    port: str
    control: str
    wire: str

    def __str__(self) -> str:
        while_bit = f" by bit {self.control}" if self.control else ""
        name = f" ({self.wire})" if self.wire else ""
        return f"{self.number}: {self.mode}{while_bit} on {self.cell}.{self.port}{name}"


@dataclass(frozen=True, kw_only=True)
class Mutants:
    """The Verilog of all mutants of a module ``top``, with its input ``mutsel`` and their list."""

    verilog: str
    listed: tuple[Mutant, ...]


def create_mutants(verilog: str, count: int, seed: int, cache: Path = yosys.CACHE) -> Mutants:
    """Return ``count`` mutants of module ``top``, spread evenly by Yosys; ``seed`` chooses them."""
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    bits = count.bit_length()
    script = _SCRIPT.format(count=count, seed=seed, select=SELECT, bits=bits, cells=_CELLS)
    done = yosys.run(script, {"design.v": verilog}, ["mutants.ys", "mutants.v"], cache)
    lines = done.outputs["mutants.ys"].splitlines()
    listed = tuple(_read(number, line) for number, line in enumerate(lines, 1))
    return Mutants(verilog=done.outputs["mutants.v"], listed=listed)


def _read(number: int, line: str) -> Mutant:
    options = dict(_OPTION.findall(line))
    wire = options.get("wire", "")
    cell = re.sub(r"\$design\.v:\d+", "", options["cell"]).replace("$flatten", "").replace("\\", "")
    return Mutant(
        number=number,
        mode=options["mode"],
        cell=cell,
        port=f"{options['port']}[{options['portbit']}]",
        control=options.get("ctrlbit", ""),
        wire=f"{wire}[{options['wirebit']}]" if wire else "",
    )
