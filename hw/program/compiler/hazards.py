"""Lags: which of the earlier instructions of every unit an instruction must wait for.

A read waits for the writes before it, a write for the reads and writes before it, word by word.
"""

from collections.abc import Sequence

import numpy as np

from hw.program.compiler.schedule import Node, Span
from hw.program.instructions import FREE, UNITS


class Hazards:
    """Remembers, per unit and word, the unit's last instruction that wrote it and that read it."""

    def __init__(self, buffer_words: int, memory_words: int) -> None:
        self._buffer_words = buffer_words
        words = buffer_words + memory_words
        self._written = {unit: np.zeros(words, np.int32) for unit in UNITS[1:]}
        self._read = {unit: np.zeros(words, np.int32) for unit in UNITS[1:]}
        self._given = dict.fromkeys(UNITS[1:], 0)

    def lags(self, node: Node) -> dict[str, int]:
        """Lags of the next instruction."""
        reads, writes = self._places(node.reads), self._places(node.writes)
        if node.name == "sync":
            self._forget()
        lags = {}
        for unit, given in self._given.items():
            last = max(
                _latest(self._written[unit], reads),
                _latest(self._written[unit], writes),
                _latest(self._read[unit], writes),
            )
            if last:
                lags[unit] = min(given - last, FREE - 1)
        if node.unit in self._given:
            self._given[node.unit] += 1
            self._written[node.unit][writes] = self._given[node.unit]
            self._read[node.unit][reads] = self._given[node.unit]
        return lags

    def _forget(self) -> None:
        """All units are idle: nothing needs to be waited for."""
        for marks in (*self._written.values(), *self._read.values()):
            marks[:] = 0

    def _places(self, spans: Sequence[Span]) -> np.ndarray:
        places = [span.places() + (self._buffer_words if span.memory else 0) for span in spans]
        return np.concatenate(places) if places else np.zeros(0, np.int64)


def _latest(marks: np.ndarray, places: np.ndarray) -> int:
    return int(marks[places].max()) if places.size else 0
