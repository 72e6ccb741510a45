"""A netlist with many faults, of which an input chooses one."""

import re
from dataclasses import dataclass
from pathlib import Path

from hw import yosys

SELECT = "mutsel"
"""Input that chooses the mutant; 0 is the circuit itself."""

# Word level, without what no simulation can see: bits cut off later, data of a disabled write.
_LIST = """\
read_verilog design.v
hierarchy -top top
proc
flatten
opt_expr -mux_undef
opt -full
wreduce
memory -nordff -nomap
opt -full
write_rtlil words.il
mutate -list {count} -seed {seed} -ctrl {select} {bits} 1 -o mutants.ys
"""
_MUTATE = """\
read_rtlil words.il
script mutants.ys
opt_clean
write_verilog -noattr mutants.v
"""
_OPTION = re.compile(r"-(\w+) (\S+)")
_CHOSEN = re.compile(rf"\b{SELECT} == \d+'h([0-9a-f]+)")


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

    @property
    def exists(self) -> bool:
        """Whether Verilog can tell it: a memory that is read without a clock has no enable."""
        return not (self.port.startswith("RD_EN") and not self.wire)

    def __str__(self) -> str:
        while_bit = f" by bit {self.control}" if self.control else ""
        name = f" ({self.wire})" if self.wire else ""
        return f"{self.number}: {self.mode}{while_bit} on {self.cell}.{self.port}{name}"


@dataclass(frozen=True, kw_only=True)
class Mutants:
    """The Verilog of all mutants of a module ``top``, with its input ``mutsel`` and their list.

    ``unread`` are the numbers of those whose bit nobody reads: a sum's that is rounded off.
    """

    verilog: str
    listed: tuple[Mutant, ...]
    unread: frozenset[int] = frozenset()


def create_mutants(verilog: str, count: int, seed: int, cache: Path = yosys.CACHE) -> Mutants:
    """Return ``count`` mutants of module ``top``, spread evenly by Yosys; ``seed`` chooses them.

    Those that no Verilog can tell are left out, and their numbers with them.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    script = _LIST.format(count=count, seed=seed, select=SELECT, bits=count.bit_length())
    found = yosys.run(script, {"design.v": verilog}, ["words.il", "mutants.ys"], cache).outputs
    mutants = {
        line: _read(number, line) for number, line in enumerate(found["mutants.ys"].splitlines(), 1)
    }
    kept = {line: mutant for line, mutant in mutants.items() if mutant.exists}
    inputs = {"words.il": found["words.il"], "mutants.ys": "\n".join(kept) + "\n"}
    mutated = yosys.run(_MUTATE, inputs, ["mutants.v"], cache).outputs["mutants.v"]
    read = {int(number, 16) for number in _CHOSEN.findall(mutated)}
    unread = frozenset(mutant.number for mutant in kept.values()) - read
    return Mutants(verilog=mutated, listed=tuple(kept.values()), unread=unread)


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
