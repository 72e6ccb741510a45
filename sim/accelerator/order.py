"""Whether the lags of a program make every instruction wait for what it needs.

Instructions run one after the other here; in the machine units run side by side. From the lags
follows what is complete when an instruction starts. If it reads a word that an earlier instruction
writes that may still be under way, or writes one that such an instruction reads or writes, the
machine may compute something else.
"""

from collections.abc import Mapping

import numpy as np

from hw.program.instructions import FREE, UNITS

MEMBERS = UNITS[1:]
Clock = dict[str, int]
"""How many of each unit's instructions are complete."""


class Order:
    """Watches the instructions of a run in program order; ``words`` are those of all spaces."""

    def __init__(self, words: int) -> None:
        self._written = {unit: np.zeros(words, np.int32) for unit in MEMBERS}
        self._read = {unit: np.zeros(words, np.int32) for unit in MEMBERS}
        self._given: Clock = dict.fromkeys(MEMBERS, 0)
        self._sequencer: Clock = dict.fromkeys(MEMBERS, 0)
        # What is known to be complete when the latest instruction of a unit starts.
        self._started: dict[str, Clock] = {unit: dict(self._sequencer) for unit in MEMBERS}
        # And when each of its instructions, counted from 1, is complete.
        self._complete: dict[str, list[Clock]] = {unit: [dict(self._sequencer)] for unit in MEMBERS}

    def start(self, unit: str, lags: Mapping[str, int]) -> Clock:
        """What is complete when the next instruction of ``unit`` starts; it is counted."""
        clock = dict(self._sequencer)
        if unit in self._started:
            # It was given away after the sequencer waited, and starts after those before it.
            _join(clock, self._started[unit])
        for one in MEMBERS:
            last = self._given[one] - lags.get(one, FREE)
            if lags.get(one, FREE) != FREE and last > 0:
                _join(clock, self._complete[one][last])
        if unit in self._started:
            self._given[unit] += 1
            self._started[unit] = clock
            self._complete[unit].append({**clock, unit: self._given[unit]})
        else:
            self._sequencer = clock
        return clock

    def sync(self) -> None:
        """All units are idle."""
        self._sequencer = dict(self._given)

    def check(self, unit: str, clock: Clock, reads: np.ndarray, writes: np.ndarray) -> str:
        """What the instruction that was just started may meet too early; "" is nothing."""
        told = ""
        for one in MEMBERS:
            for kind, marks, places in (
                ("reads what instruction {} of {} writes", self._written[one], reads),
                ("writes what instruction {} of {} writes", self._written[one], writes),
                ("writes what instruction {} of {} reads", self._read[one], writes),
            ):
                last = int(marks[places].max()) if places.size else 0
                if last > clock[one]:
                    told = kind.format(last, one)
        if unit in self._given:
            self._written[unit][writes] = self._given[unit]
            self._read[unit][reads] = self._given[unit]
        return told


def _join(clock: Clock, other: Clock) -> None:
    for unit, count in other.items():
        clock[unit] = max(clock[unit], count)
