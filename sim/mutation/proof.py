"""Proof that a mutant cannot be told from its circuit by anything that a stream shows.

A mutant of a bit that nobody reads is equal. Of any other, circuit and mutant stand side by side
with the same inputs, resets at any time among them.

1. From any state, the same in both: whatever leaves and whatever is stored next is equal.
2. The same, but for registers that may hold anything while one bit, such as a stream's valid, which
   is the same in both, says that they do not count.
3. From the initial state, with registers that nobody resets at zero: ABC merges what is always
   equal (``scorr``) and looks for an invariant under which no output differs (``pdr``).

The first two are questions to a SAT solver about one step.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from hw import yosys
from sim.mutation.mutants import Mutants
from sim.mutation.opened import STATE, Miter, Netlist, flag_places, without_registers

Reason = Literal[
    "read by nobody", "the same from any state", "the same where it counts", "the same from reset"
]

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
_NEVER_DIFFERS = """\
tee -o verdict.txt sat -prove differs 0 -timeout {seconds} -show change miter
"""
_FROM_RESET = """\
dfflegalize -cell $_DFF_P_ 01
abc -dff -clk clk -g AND -script +{script}
opt_clean -purge
write_verilog -noattr swept.v
"""
_SWEEP = "strash;scorr;dc2;scorr;pdr,-T,{seconds};write_status,verdict.txt;map"
_EQUAL = "no model found: SUCCESS"
_CHANGE = re.compile(r"\\change +\S+ +\S+ +([01x]+)")
# What ``scorr`` leaves of an output that never is 1, and ABC's word where ``pdr`` found that.
_NEVER, _PROVED = "assign differs = 1'h0;", "UNSAT"

_MOST_CHANGES = 8
_MOST_FLAGS = 16


class EqualityProof:
    """Tries the mutants of a circuit, one at a time.

    Parameters
    ----------
    seconds : for each question about a mutant
    """

    def __init__(self, mutants: Mutants, seconds: int = 60, cache: Path = yosys.CACHE) -> None:
        self._seconds, self._cache, self._unread = seconds, cache, mutants.unread
        done = yosys.run(_GATES, {"mutants.v": mutants.verilog}, ["gates.json"], cache)
        self._whole: Netlist = json.loads(done.outputs["gates.json"])["modules"]["top"]
        self._opened = without_registers(self._whole)
        self._flags = flag_places(self._whole)[:_MOST_FLAGS]

    def equal(self, number: int) -> Reason | None:
        """Return how mutant ``number`` was proved equal, or ``None``."""
        if number in self._unread:
            return "read by nobody"
        miter = Miter(self._opened, number)
        told = self._never_differs(miter.verilog())
        if _EQUAL in told:
            return "the same from any state"
        changed = self._changed(miter)
        # A question in two parts may have its answer in time where the whole had not.
        if changed == set():
            return "the same from any state"
        if changed and self._where_it_counts(miter, changed):
            return "the same where it counts"
        return "the same from reset" if self._from_reset(number) else None

    def _never_differs(self, miter: str) -> str:
        script = _MITER + _NEVER_DIFFERS.format(seconds=self._seconds)
        return self._run(script, self._opened, miter).get("verdict.txt", "")

    def _where_it_counts(self, miter: Miter, changed: set[int]) -> bool:
        return any(
            all(_EQUAL in self._never_differs(half) for half in _idle(miter, changed, flag))
            for flag in self._flags
            if flag not in changed
        )

    def _changed(self, miter: Miter) -> set[int] | None:
        """Places in the state that one step can make differ; ``None`` if an output differs too."""
        told = self._never_differs(miter.verilog("{outputs}"))
        if _EQUAL not in told:
            return None
        changed: set[int] = set()
        for _ in range(_MOST_CHANGES):
            told = self._never_differs(miter.verilog(_change_outside(miter, changed)))
            if _EQUAL in told:
                return changed
            found = _CHANGE.search(told)
            if found is None:
                return None
            changed |= {k for k, bit in enumerate(reversed(found[1])) if bit == "1"}
        return None

    def _from_reset(self, number: int) -> bool:
        script = _MITER + _FROM_RESET.format(script=_SWEEP.format(seconds=self._seconds))
        told = self._run(script, self._whole, Miter(self._whole, number).verilog())
        return _NEVER in told.get("swept.v", "") or _PROVED in told.get("verdict.txt", "")

    def _run(self, script: str, top: Netlist, miter: str) -> Mapping[str, str]:
        """Return what the proof wrote; nothing if it took too long."""
        inputs = {
            "gates.json": json.dumps({"modules": {"top": top}}),
            "miter.v": miter,
            # ABC can append to a file, but not create one.
            "verdict.txt": "",
        }
        outputs = ["verdict.txt", *(["swept.v"] if "swept.v" in script else [])]
        try:
            # Reading and preparing the netlists has its share of the time too.
            limit = 2 * self._seconds
            return yosys.run(script, inputs, outputs, self._cache, limit).outputs
        except TimeoutError:
            return {}


def _change_outside(miter: Miter, changed: set[int]) -> str:
    bits = miter.inputs[STATE]
    mask = "".join("01"[place not in changed] for place in reversed(range(bits)))
    return f"(change & {bits}'b{mask}) != 0"


def _idle(miter: Miter, changed: set[int], flag: int) -> list[str]:
    """Both halves of a step in which ``changed`` may differ unless the bit ``flag`` is set."""
    inside = " || ".join(f"change[{one}]" for one in sorted(changed))
    outside = _change_outside(miter, changed)
    differs = f"{{outputs}} || {outside} || (following[{flag}] && ({inside}))"
    return [miter.verilog(differs, {flag: 0}, changed), miter.verilog(differs, {flag: 1})]
