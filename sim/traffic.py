"""Traffic on the streams of a component, cycle by cycle, for any simulator written in Python.

``Exchange`` says what to drive at the start of a cycle and takes what was seen at its end; the
benches in Amaranth's simulator and in cocotb differ only in how they set and read a signal.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.beats import Port

Beats = NDArray[np.uint8]
Share = float | Mapping[str, float]
After = Mapping[str, Mapping[str, ArrayLike]]

_PROBE_SHARE = 1 / 8


class StreamError(AssertionError):
    """A stream broke a rule, hung, or gave more than was expected."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one run gave.

    beats
        Of each output stream: (N, bytes).
    cycles
        Of each stream, the cycle of every transfer; cycle 0 is the first after reset.
    offered
        Of each stream, the cycle in which every transferred beat was first valid.
    total
        Cycles up to and including the last transfer.
    seconds
        Wall time of the simulation, without its build.
    """

    beats: Mapping[str, Beats]
    cycles: Mapping[str, NDArray[np.int64]]
    offered: Mapping[str, NDArray[np.int64]]
    total: int
    seconds: float


def require_pauses(share: float, burst: float) -> None:
    """Raise ``ValueError`` unless there can be such a share of paused cycles in such bursts."""
    if not 0 <= share < 1 or burst < 1:
        raise ValueError(f"need 0 <= share < 1 and burst >= 1, not {share} and {burst}")


class Pauses:
    """A share of paused cycles, in bursts of geometric length with mean ``burst / (1 - share)``.

    A burst of 1 makes every cycle a fair draw of its own.
    """

    def __init__(self, rng: np.random.Generator, share: float, burst: float) -> None:
        require_pauses(share, burst)
        self.share = share
        self._rng = rng
        self._begin, self._end = share / burst, (1 - share) / burst
        self._paused = False

    def draw(self) -> bool:
        """Return whether this cycle pauses."""
        if self.share:
            chance = 1 - self._end if self._paused else self._begin
            self._paused = self._rng.random() < chance
        return self._paused


class Rules:
    """The stream rules that an output can break: once valid, valid and payload hold until taken."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._held: int | None = None

    def check(self, cycle: int, valid: int, ready: int, payload: int) -> None:
        """Raise ``StreamError`` if this cycle breaks a rule."""
        if self._held is not None:
            if not valid:
                raise StreamError(f"cycle {cycle}: {self.name}.valid fell before the transfer")
            if payload != self._held:
                raise StreamError(
                    f"cycle {cycle}: {self.name}.payload changed before the transfer, "
                    f"from {self._held:#x} to {payload:#x}"
                )
        self._held = payload if valid and not ready else None


class Source:
    """Offers beats to an input stream; holds each until it is taken."""

    def __init__(
        self,
        port: Port,
        beats: Beats,
        pauses: Pauses,
        rng: np.random.Generator,
        gates: Iterable[tuple[str, NDArray[np.int64]]] = (),
    ) -> None:
        self.port = port
        self.payloads = [int.from_bytes(beat.tobytes(), "little") for beat in beats]
        self.cycles: list[int] = []
        self.offered: list[int] = []
        self.valid = 0
        self.ready = 0
        self._pausing = False
        self._pauses = pauses
        self._rng = rng
        self._gates = list(gates)

    @property
    def expected(self) -> int:
        """Transfers of the whole run."""
        return len(self.payloads)

    def drive(self, cycle: int, counts: Mapping[str, int]) -> dict[str, int]:
        """Return the signals to set for this cycle."""
        if self.valid:
            return {}
        place = len(self.cycles)
        opened = place < self.expected and all(
            counts[name] >= needed[place] for name, needed in self._gates
        )
        self.valid = int(opened and not self._pauses.draw())
        if self.valid:
            self.offered.append(cycle)
            return {"valid": 1, "payload": self.payloads[place]}
        if self._pausing:
            return {}
        # What stands on the wires while nothing is valid must not matter.
        self._pausing = True
        return {"valid": 0, "payload": self._rubbish()}

    def sample(self, cycle: int, read: Callable[[str], int]) -> bool:
        """Take what this cycle showed; return whether a beat was transferred."""
        self.ready = read(f"{self.port.name}__ready")
        if self.valid and self.ready:
            self.cycles.append(cycle)
            self.valid = 0
            self._pausing = False
            return True
        return False

    def _rubbish(self) -> int:
        bits = int.from_bytes(self._rng.bytes(self.port.bytes), "little")
        return bits & ((1 << self.port.width) - 1)


class Sink:
    """Takes beats from an output stream, and checks its rules.

    Now and then it offers no ready until it sees valid, since valid must not wait for ready.
    """

    def __init__(self, port: Port, expected: int, pauses: Pauses, rng: np.random.Generator) -> None:
        self.port = port
        self.expected = expected
        self.payloads: list[int] = []
        self.cycles: list[int] = []
        self.offered: list[int] = []
        self.valid = 0
        self.ready = 0
        self.probing = False
        self._released = False
        self._pauses = pauses
        self._rng = rng
        self._rules = Rules(port.name)

    def drive(self, may_probe: bool) -> dict[str, int]:
        """Return the signals to set for this cycle."""
        if len(self.cycles) >= self.expected or self._released:
            self.ready = 1
        elif self.probing:
            self.ready = 0
        else:
            starts = may_probe and self._pauses.share and not self.valid
            self.probing = bool(starts and self._rng.random() < _PROBE_SHARE)
            self.ready = int(not self.probing and not self._pauses.draw())
        return {"ready": self.ready}

    def sample(self, cycle: int, read: Callable[[str], int]) -> bool:
        """Take what this cycle showed; return whether a beat was transferred."""
        name = self.port.name
        self.valid = read(f"{name}__valid")
        if self.valid and self._released:
            raise StreamError(f"cycle {cycle}: {name}.valid waited for ready")
        # A simulator may give a signed scalar as a negative number: a beat is its bits.
        payload = read(f"{name}__payload") & ((1 << self.port.width) - 1) if self.valid else 0
        self._rules.check(cycle, self.valid, self.ready, payload)
        if self.valid:
            self.probing = False
            if len(self.offered) == len(self.cycles):
                self.offered.append(cycle)
        if not (self.valid and self.ready):
            return False
        if len(self.cycles) >= self.expected:
            raise StreamError(f"cycle {cycle}: {name} gave more than {self.expected} beats")
        self.cycles.append(cycle)
        self.payloads.append(payload)
        return True

    def release(self) -> None:
        """Offer ready for good: if valid comes now, it was ready that it waited for."""
        self._released = self.probing
        self.probing = False

    def beats(self) -> Beats:
        """Return what was taken: (N, bytes)."""
        size = self.port.bytes
        text = b"".join(payload.to_bytes(size, "little") for payload in self.payloads)
        return np.frombuffer(text, np.uint8).reshape(-1, size)
