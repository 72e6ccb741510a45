"""Runs every mutant against its bench."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from hw.verilog import emit
from sim import build, native
from sim.mutation.mutants import SELECT, Mutant, Mutants, create_mutants
from sim.row import GRID, Mismatch, Operator, Point
from sim.traffic import StreamError

SEED = 20
"""Of the bench's stimulus: not a mutant's business."""

LENGTHS = (1, 10, 50)
"""Length of the bench's runs, in the row's own results."""

# A fault ties one bit of a signal to another one: a loop of signals, though not of bits. Yosys
# writes a choice by one-hot lines as a case whose items could overlap.
_FLAGS = ("-Wno-UNOPTFLAT", "-Wno-CASEOVERLAP")
_PATIENCE = 1_000
# Cycles before a reset: more with every run, so that it comes upon every state of the handshakes.
_ABORTED = 30
_LIMIT_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a mutant ended: what killed it, or ``None``."""

    mutant: Mutant
    killed_by: str | None


class Trial:
    """All mutants of one point of the operator table in one build.

    The bench is the row's own: its stimulus over its grid of traffic, in the native loop.
    """

    def __init__(
        self, row: Operator, point: Point, count: int, seed: int, cache: Path = build.CACHE
    ) -> None:
        self.row, self.point = row, point
        self.verilog = emit(row.component(point))
        self.mutants: Mutants = create_mutants(self.verilog, count, seed)
        component = row.component(point)
        # Only its ports are read here: the text that is built has the mutants.
        component._MustUse__used = True
        self._simulator = native.build(
            component,
            verilog=self.mutants.verilog,
            settings=[SELECT],
            flags=_FLAGS,
            cache=cache,
        )
        self._require_sound()

    def verdicts(self, jobs: int = 2) -> Iterator[Verdict]:
        """Yield the verdict of each mutant, in order."""
        with ThreadPoolExecutor(jobs) as pool:
            try:
                yield from pool.map(self._judge, self.mutants.listed)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _require_sound(self) -> None:
        reason = self._run(0)
        if reason is not None:
            raise ValueError(f"the bench fails without a mutant: {reason}")

    def _judge(self, mutant: Mutant) -> Verdict:
        return Verdict(mutant=mutant, killed_by=self._run(mutant.number))

    def _run(self, number: int) -> str | None:
        """Return the first failure of the bench, or ``None``."""
        run: Callable[..., Any] = partial(
            self._simulator.run,
            settings={SELECT: number},
            patience=_PATIENCE,
            limit_seconds=_LIMIT_SECONDS,
        )
        # Most faults show in a short run; the long ones see what few stimuli reach.
        for offset, (length, traffic) in enumerate(product(LENGTHS, GRID)):
            count = length * self.row.count
            seed = SEED + offset
            try:
                aborted = partial(run, aborted=_ABORTED + 7 * offset)
                self.row.verify(self.point, aborted, seed=seed, traffic=traffic, count=count)
            # A loop of gates that does not settle ends the simulation itself.
            except (Mismatch, StreamError, TimeoutError, RuntimeError) as error:
                return f"{count} results, {traffic}: {str(error).splitlines()[0]}"
        return None
