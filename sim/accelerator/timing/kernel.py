"""Processes that wait for each other or for time, run in the order of time."""

import heapq
from collections.abc import Generator
from itertools import count


class Notice:
    """What processes wait for: something that they look at has changed."""

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self._waiting: list[Process] = []

    def wait(self, process: "Process") -> None:
        """Go on with ``process`` at the next ``tell``."""
        self._waiting.append(process)

    def tell(self) -> None:
        """Whoever waits looks again, now."""
        waiting, self._waiting = self._waiting, []
        for process in waiting:
            self._clock.resume(process, 0.0)


Process = Generator["float | Notice", None, None]
"""Gives cycles to let pass, or a notice to wait for; several ``yield from`` each other."""


class Clock:
    """Runs processes; ``now`` is in cycles."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = count()
        self._agenda: list[tuple[float, int, Process]] = []

    def notice(self) -> Notice:
        """A notice of this clock."""
        return Notice(self)

    def start(self, process: Process, delay: float = 0.0) -> None:
        """Run ``process`` from now on, or ``delay`` cycles later."""
        self.resume(process, delay)

    def resume(self, process: Process, delay: float) -> None:
        """Go on with ``process`` after ``delay`` cycles."""
        heapq.heappush(self._agenda, (self.now + delay, next(self._order), process))

    def until(self, time: float) -> float:
        """Cycles from now to ``time``, 0 if it has passed."""
        return max(time - self.now, 0.0)

    def run(self) -> None:
        """Until every process has ended or waits for what does not come."""
        while self._agenda:
            self.now, _, process = heapq.heappop(self._agenda)
            waits = next(process, None)
            if isinstance(waits, Notice):
                waits.wait(process)
            elif waits is not None:
                self.resume(process, waits)
