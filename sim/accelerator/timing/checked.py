"""Where a unit's next instruction is checked while the one before is under way."""

from collections.abc import Callable, Generator

from hw.accelerator.extent import Extent
from sim.accelerator.timing.kernel import Clock, Notice, Process
from sim.accelerator.timing.station import Given, Station

FIELDS = 3
"""Cycles until registers that follow an instruction's fields have been looked at."""


class Checked:
    """As ``hw.accelerator.checked``: holds one instruction.

    Parameters
    ----------
    walks : how many walks through the buffer are looked at for an instruction, 0 for none
    """

    def __init__(self, clock: Clock, station: Station, walks: Callable[[Given], int]) -> None:
        self._station, self._walks = station, walks
        self._held: list[Given] = []
        self._changed = clock.notice()
        clock.start(self._run())

    def _run(self) -> Process:
        while True:
            given = yield from self._station.take()
            walks = self._walks(given)
            yield float(Extent.latency + 1 + walks if walks else FIELDS)
            self._held.append(given)
            self._changed.tell()
            while self._held:
                yield self._changed

    def wait(self) -> Generator[float | Notice, None, Given]:
        """The instruction, once it has been checked."""
        while not self._held:
            yield self._changed
        return self._held[0]

    def leave(self) -> Process:
        """It starts in the next cycle, and makes room for another one."""
        yield 1.0
        self._held.pop()
        self._changed.tell()
