"""One row of the operator table: golden function, component, specs with plans, and stimulus.

Amaranth's simulator (``tests/hw/test_operators.py``), the cocotb bench (``sim.benches.operator``)
and the native bench (``sim.native``) walk the same rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from amaranth.lib import wiring
from numpy.typing import NDArray

from sim.beats import Fields, Port, pack, stream_ports
from sim.traffic import After, Beats, Result

Cycles = Mapping[str, NDArray[np.int64]]


class Mismatch(AssertionError):
    """A component gave other beats, or at other times, than golden says."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Pauses of one run: shares of cycles without valid and without ready, and their bursts."""

    idle: float = 0.0
    stall: float = 0.0
    burst: float = 1.0


GRID = (
    Traffic(),
    Traffic(stall=0.5),
    Traffic(idle=0.5),
    Traffic(idle=0.3, stall=0.5),
    Traffic(idle=0.4, stall=0.6, burst=8),
)
"""Every bench runs each of these: no pauses, on either side, on both, and in bursts."""


@dataclass(frozen=True, kw_only=True)
class Stimulus:
    """What one run sends.

    inputs
        Fields of each input stream.
    outputs
        How many beats each output stream gives.
    after
        What a beat waits for (``sim.exchange.Exchange``).
    """

    inputs: Mapping[str, Fields]
    outputs: Mapping[str, int]
    after: After = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A spec with a plan.

    quick
        Whether ``make test`` runs it in Verilator too; Amaranth's simulator runs every point.
    """

    spec: Any
    plan: Any = None
    quick: bool = True


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One row.

    golden
        ``golden(point, stimulus, cycles)`` gives the fields of each output stream. The cycles of
        every transfer tell it what overtook what, where that decides the result.
    component
        ``component(point)`` gives the circuit.
    points
        By name.
    stimulus
        ``stimulus(point, rng, count)`` gives a run of about ``count`` results.
    timing
        ``timing(point, stimulus, cycles)`` gives, for a run without pauses, the cycle that each
        transfer of a stream must have, by stream.
    handshake
        ``handshake(point, stimulus, result)`` gives, for any run, the cycle in which each beat of
        an input is taken and in which each beat of an output is first valid, by stream: as a
        function of when inputs were offered and outputs taken.
    count
        Results of one run of the fast loop.
    """

    golden: Callable[[Point, Stimulus, Cycles], Mapping[str, Fields]]
    component: Callable[[Point], wiring.Component]
    points: Mapping[str, Point]
    stimulus: Callable[[Point, np.random.Generator, int], Stimulus]
    timing: Callable[[Point, Stimulus, Cycles], Mapping[str, NDArray[np.int64]]] | None = None
    handshake: Callable[[Point, Stimulus, Result], Cycles] | None = None
    count: int = 100

    def point(self, name: str) -> Point:
        """Return the point ``name``; raise ``ValueError`` naming the known ones."""
        if name not in self.points:
            raise ValueError(f"no point {name!r}: use one of {', '.join(self.points)}")
        return self.points[name]

    def ports(self, point: Point) -> dict[str, Port]:
        """Streams of the component by name, without elaborating it."""
        component = self.component(point)
        # Amaranth warns of a component that nobody elaborates; this one was made for its ports.
        component._MustUse__used = True
        return stream_ports(component)

    def verify(
        self,
        point: Point,
        run: Callable[..., Result],
        *,
        seed: int,
        traffic: Traffic,
        count: int | None = None,
    ) -> Result:
        """Run one stimulus and compare every output beat; raise ``Mismatch`` or ``StreamError``.

        ``run(inputs, outputs, idle=, stall=, burst=, seed=, after=)`` is any simulator's.
        """
        stimulus = self.stimulus(point, np.random.default_rng(seed), count or self.count)
        result = run(
            pack_inputs(self.ports(point), stimulus),
            stimulus.outputs,
            idle=traffic.idle,
            stall=traffic.stall,
            burst=traffic.burst,
            seed=seed,
            after=stimulus.after,
        )
        self.compare(point, stimulus, result, traffic)
        return result

    def compare(self, point: Point, stimulus: Stimulus, result: Result, traffic: Traffic) -> None:
        """Raise ``Mismatch`` unless ``result`` is what golden, timing and handshake say."""
        ports = self.ports(point)
        for name, fields in self.golden(point, stimulus, result.cycles).items():
            expected = pack(ports[name].shape, fields)
            require_equal(name, result.beats[name], expected)
        if self.timing is not None and traffic == Traffic():
            for name, cycles in self.timing(point, stimulus, result.cycles).items():
                _require_times(name, "moved", result.cycles[name], cycles)
        if self.handshake is not None:
            for name, cycles in self.handshake(point, stimulus, result).items():
                if ports[name].is_input:
                    _require_times(name, "moved", result.cycles[name], cycles)
                else:
                    _require_times(name, "was offered", result.offered[name], cycles)


def pack_inputs(ports: Mapping[str, Port], stimulus: Stimulus) -> dict[str, Beats]:
    """Beats of every input stream of ``stimulus``."""
    return {name: pack(ports[name].shape, fields) for name, fields in stimulus.inputs.items()}


def _require_times(
    name: str, what: str, seen: NDArray[np.int64], expected: NDArray[np.int64]
) -> None:
    wrong = np.flatnonzero(seen != expected)
    if len(wrong):
        k = wrong[0]
        raise Mismatch(
            f"{name}: beat {k} {what} in cycle {seen[k]}, not {expected[k]} "
            f"({len(wrong)} of {len(seen)} beats differ)"
        )


def require_equal(name: str, captured: Beats, expected: Beats) -> None:
    """Raise ``Mismatch`` with the first differing beats, captured and expected."""
    if captured.shape != expected.shape:
        raise Mismatch(f"{name}: {len(captured)} beats, not {len(expected)}")
    wrong = np.flatnonzero((captured != expected).any(axis=1))
    if len(wrong):
        lines = [f"{name}: {len(wrong)} of {len(expected)} beats differ"]
        for k in wrong[:4]:
            lines.append(f"  beat {k} captured {captured[k][::-1].tobytes().hex()}")
            lines.append(f"  {' ' * len(f'beat {k}')} expected {expected[k][::-1].tobytes().hex()}")
        raise Mismatch("\n".join(lines))
