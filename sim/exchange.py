"""One run over all streams of a component: what to drive, what was seen, when it is over."""

import time
from collections.abc import Callable, Mapping

import numpy as np

from sim.beats import Port
from sim.traffic import After, Beats, Pauses, Result, Share, Sink, Source, StreamError


class Exchange:
    """Sends ``inputs``, takes ``outputs[name]`` beats of every output stream.

    A simulator calls ``drive`` at the start of each cycle and sets what it returns, lets the
    signals settle, calls ``sample``, and gives the clock edge; until ``finished``.

    Parameters
    ----------
    ports : streams of the component
    inputs : beats of each input stream; a stream that is not named stays silent
    outputs : how many beats each output stream gives; a stream that is not named must give none
    idle, stall : share of cycles without valid on inputs and without ready on outputs; one number,
        or one per stream
    burst : mean length of pauses, relative to independent draws
    after : ``after["i"]["weights"][k]`` beats of ``weights`` pass before beat ``k`` of ``i`` is
        offered; a single number holds for every beat
    patience : cycles without any transfer after which the run fails
    drain : cycles at the end in which an output must stay silent
    """

    def __init__(
        self,
        ports: Mapping[str, Port],
        inputs: Mapping[str, Beats],
        outputs: Mapping[str, int],
        *,
        idle: Share = 0.0,
        stall: Share = 0.0,
        burst: float = 1.0,
        seed: int = 0,
        after: After | None = None,
        patience: int = 2_000,
        drain: int = 32,
    ) -> None:
        require_streams(ports, inputs, outputs, after or {})
        rng = np.random.default_rng(seed)
        self.sources: list[Source] = []
        self.sinks: list[Sink] = []
        for name, port in ports.items():
            if port.is_input:
                beats = inputs.get(name, np.zeros((0, port.bytes), np.uint8))
                gates = gates_of(after or {}, name, len(beats))
                pauses = Pauses(rng, share_of(idle, name), burst)
                self.sources.append(Source(port, beats, pauses, rng, gates.items()))
            else:
                pauses = Pauses(rng, share_of(stall, name), burst)
                self.sinks.append(Sink(port, outputs.get(name, 0), pauses, rng))
        self.streams: list[Source | Sink] = [*self.sources, *self.sinks]
        self._patience, self._drain = patience, drain
        self._cycle = self._last = 0
        self._began = time.perf_counter()

    @property
    def complete(self) -> bool:
        """Whether every expected beat was transferred."""
        return all(len(stream.cycles) == stream.expected for stream in self.streams)

    @property
    def finished(self) -> bool:
        """Whether the run is over, the silent cycles at the end included."""
        return self.complete and self._cycle > self._last + self._drain

    def drive(self) -> dict[str, int]:
        """Return the signals to set for this cycle, by name."""
        counts = {stream.port.name: len(stream.cycles) for stream in self.streams}
        signals = {}
        for source in self.sources:
            for signal, value in source.drive(self._cycle, counts).items():
                signals[f"{source.port.name}__{signal}"] = value
        for sink in self.sinks:
            may_probe = not any(other.probing for other in self.sinks)
            for signal, value in sink.drive(may_probe).items():
                signals[f"{sink.port.name}__{signal}"] = value
        return signals

    def sample(self, read: Callable[[str], int]) -> None:
        """Take what this cycle shows; ``read`` gives a signal by name."""
        moved = [stream.sample(self._cycle, read) for stream in self.streams]
        if any(moved):
            self._last = self._cycle
        elif not self.complete:
            waited = self._cycle - self._last
            if waited == self._patience // 2:
                for sink in self.sinks:
                    sink.release()
            if waited >= self._patience:
                raise StreamError(self._describe_hang())
        self._cycle += 1

    def result(self) -> Result:
        """Return what the run gave."""
        return Result(
            beats={sink.port.name: sink.beats() for sink in self.sinks},
            cycles={s.port.name: np.array(s.cycles, np.int64) for s in self.streams},
            offered={s.port.name: np.array(s.offered, np.int64) for s in self.streams},
            total=self._last + 1,
            seconds=time.perf_counter() - self._began,
        )

    def _describe_hang(self) -> str:
        states = [
            f"{s.port.name} moved {len(s.cycles)} of {s.expected} beats "
            f"(valid {s.valid}, ready {s.ready})"
            for s in self.streams
        ]
        return f"no transfer for {self._patience} cycles: {'; '.join(states)}"


def require_streams(
    ports: Mapping[str, Port],
    inputs: Mapping[str, Beats],
    outputs: Mapping[str, int],
    after: After,
) -> None:
    """Raise ``ValueError`` unless every name and every beat fits a stream of the component."""
    for names, is_input, kind in ((inputs, True, "input"), (outputs, False, "output")):
        for name in names:
            if name not in ports or ports[name].is_input is not is_input:
                known = [port.name for port in ports.values() if port.is_input is is_input]
                raise ValueError(f"{name!r} is no {kind} stream: use one of {known}")
    for name, beats in inputs.items():
        if beats.dtype != np.uint8 or beats.ndim != 2 or beats.shape[1] != ports[name].bytes:
            raise ValueError(
                f"beats of {name!r} must be uint8 of shape (N, {ports[name].bytes}), "
                f"not {beats.dtype} of shape {beats.shape}"
            )
    for name, gates in after.items():
        for other in (name, *gates):
            if other not in ports:
                raise ValueError(f"{other!r} is no stream: use one of {list(ports)}")


def gates_of(after: After, name: str, count: int) -> dict[str, np.ndarray]:
    """How many beats of other streams each of the ``count`` beats of ``name`` waits for."""
    return {
        other: np.broadcast_to(np.asarray(needed, np.int64), (count,))
        for other, needed in after.get(name, {}).items()
    }


def share_of(share: Share, name: str) -> float:
    """Share of paused cycles of stream ``name``."""
    return share.get(name, 0.0) if isinstance(share, Mapping) else share
