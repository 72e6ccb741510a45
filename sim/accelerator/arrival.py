"""When an element of a tensor came to memory, from what the RTL told of its stores."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hw.accelerator.plan import AcceleratorPlan
from hw.program.formats import Format
from hw.program.instructions import UNITS, Instruction
from hw.program.program import Program
from sim.accelerator.timeline import Timeline

TOKENS, TOKEN = "tokens", "token"
"""What a program that chooses its tokens gives, and the remark of the store that takes each."""


def arrival(
    program: Program,
    inputs: Mapping[str, np.ndarray],
    completions: NDArray[np.int64],
    tokens: Sequence[int],
    name: str,
    index: tuple[int, ...],
) -> int:
    """Cycle at which the store that took ``name[index]`` to memory was complete.

    Parameters
    ----------
    completions : rows of cycle and unit, ``Outcome.completions``
    tokens : those that the machine chose, which tell how often its loops ran

    Raise ``ValueError`` if no store took it there.
    """
    # In which order stores are given does not depend on what the machine is made of.
    plan = AcceleratorPlan(machine=program.machine)
    found = Timeline(program, program.registers(inputs), plan, reads=tokens)
    places = [one.place for one in found.events if one.unit == "store"]
    cycles = [int(cycle) for cycle, unit in completions if UNITS[unit] == "store"]
    stores = list(zip(places, cycles, strict=True))
    if name == TOKENS:
        return [cycle for place, cycle in stores if program.remarks[place] == TOKEN][index[0]]
    format = program.outputs[name] if name in program.outputs else program.traced[name]
    byte = format.place(index, program.lengths(inputs))
    for place, cycle in stores:
        if _holds(program, place, byte, format):
            return cycle
    raise ValueError(f"program {program.name!r} has no store of {name!r} at {index}")


def _holds(program: Program, place: int, byte: int, format: Format) -> bool:
    """Whether a store takes this byte to memory: it may take some words of each row only."""
    one: Instruction = program.instructions[place]
    address, size = program.symbols.get(program.remarks[place], (0, 0))
    first = (byte - one["address"]) % format.pitch
    return address <= byte < address + size and first < one["words"] * program.machine.word_bytes
