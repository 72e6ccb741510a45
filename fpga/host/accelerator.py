"""The host of the accelerator: memory and registers over the link, a program from start to end."""

from collections.abc import Sequence
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from fpga.accelerator import Part, place
from fpga.host.client import Client, LinkError
from hw.accelerator import registers
from hw.accelerator.faults import MEANINGS, Fault
from hw.accelerator.layout import UNITS

_START = 1
_BOTH_INTERRUPTS = 3
_OFFSETS = registers.offsets()
_TOTALS = ("cycles_low", "cycles_high", "read_beats", "written_beats")
_COUNTERS = tuple(f"{unit}_{counter}" for unit in UNITS for counter in registers.COUNTERS)
"""Registers that follow each other."""

_PARTS = (*UNITS, "memory")
"""By the unit number of a fault."""


class AcceleratorHost:
    """Programs of a board's accelerator; addresses count bytes of its memory, in words of 4.

    Parameters
    ----------
    client : with a session on the right design
    memory_bytes : what the board has
    """

    def __init__(self, client: Client, memory_bytes: int) -> None:
        self.client, self.memory_bytes = client, memory_bytes

    def register(self, name: str) -> int:
        """Read a register by its name."""
        (word,) = self.client.read(place(Part.REGISTERS, _OFFSETS[name]), 1)
        return word

    def set_register(self, name: str, value: int) -> None:
        """Write a register by its name."""
        self.client.write(place(Part.REGISTERS, _OFFSETS[name]), [value])

    def load(self, address: int, content: NDArray[np.uint8]) -> None:
        """Write bytes to memory."""
        padded = np.zeros(-(-content.size // 4) * 4, np.uint8)
        padded[: content.size] = content
        self.client.write(place(Part.MEMORY, address), padded.view("<u4").tolist())

    def save(self, address: int, size: int) -> NDArray[np.uint8]:
        """Read bytes of memory."""
        words = self.client.read(place(Part.MEMORY, address), -(-size // 4))
        return np.array(words, "<u4").view(np.uint8)[:size]

    def start(self, arguments: Sequence[int], watchdog: int) -> None:
        """Start the program at byte 0, with its registers 1 to 4."""
        settings = {
            "program": 0,
            "memory_base": 0,
            "memory_size": self.memory_bytes,
            "watchdog": watchdog,
            "interrupt_enable": _BOTH_INTERRUPTS,
            "interrupt": _BOTH_INTERRUPTS,
            **{f"argument_{number}": value for number, value in enumerate(arguments, 1)},
            "control": _START,
        }
        for name, value in settings.items():
            self.set_register(name, value)

    def wait(self, seconds: float) -> None:
        """Wait for the interrupt; raise ``LinkError`` if a fault or nothing within ``seconds``."""
        end = monotonic() + seconds
        while not self.interrupted():
            if monotonic() > end:
                raise LinkError(
                    f"the program has not ended within {seconds:g} s: wait longer, or reset the "
                    "board"
                )
        status = self.register("status")
        self.set_register("interrupt", _BOTH_INTERRUPTS)
        if status & 3 != registers.DONE:
            fault = Fault(status >> 4 & 15)
            raise LinkError(
                f"the program ended with {fault.name} of unit {_PARTS[status >> 8 & 15]} "
                f"({MEANINGS[fault]}): compile it again"
            )

    def interrupted(self) -> bool:
        """Whether the interrupt is raised."""
        return self.client.read(place(Part.INTERRUPT), 1) == [1]

    def counters(self) -> dict[str, int]:
        """Cycles and every counter of the last program by name."""
        words: dict[str, int] = {}
        for names in (_TOTALS, _COUNTERS):
            start = place(Part.REGISTERS, _OFFSETS[names[0]])
            words |= dict(zip(names, self.client.read(start, len(names)), strict=True))
        low, high = words.pop("cycles_low"), words.pop("cycles_high")
        return {"cycles": high << 32 | low, **words}
