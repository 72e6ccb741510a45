"""The mutation score of one target: what its bench killed, and what cannot be killed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

from sim.mutation.mutants import Mutant
from sim.mutation.proof import EqualityProof, Reason
from sim.mutation.trial import Trial
from sim.row import Operator, Point

Tell = Callable[[str, int], None]
"""Is told what is being done now, and how many mutants were done since it was last told."""


@dataclass(frozen=True, kw_only=True)
class Survivor:
    """A mutant that the bench did not see, and how it was proved equal, if it was."""

    mutant: Mutant
    proof: Reason | None


@dataclass(frozen=True, kw_only=True)
class Score:
    """What became of ``mutants`` mutants."""

    mutants: int
    survivors: tuple[Survivor, ...]
    seconds: float

    @property
    def killed(self) -> int:
        """Mutants that the bench saw."""
        return self.mutants - len(self.survivors)

    @property
    def equal(self) -> int:
        """Mutants that were proved equal to the circuit."""
        return sum(survivor.proof is not None for survivor in self.survivors)

    @property
    def percent(self) -> float:
        """Killed mutants of all that were not proved equal; 100 if every one was."""
        left = self.mutants - self.equal
        return 100 * self.killed / left if left else 100.0


def measure(
    row: Operator,
    point: Point,
    *,
    count: int,
    seed: int,
    proof_seconds: int = 60,
    jobs: int = 2,
    tell: Tell = lambda text, done: None,
) -> Score:
    """Run ``count`` mutants of ``point`` against its bench and try to prove the survivors equal."""
    began = perf_counter()
    tell("build", 0)
    trial = Trial(row, point, count, seed)
    tell("bench", 0)
    survived = []
    for verdict in trial.verdicts(jobs):
        tell("bench", 1)
        if verdict.killed_by is None:
            survived.append(verdict.mutant)
    survivors = []
    if survived:
        tell(f"proof of {len(survived)} survivors", 0)
        proof = EqualityProof(trial.mutants, proof_seconds)

        def judge(mutant: Mutant) -> Survivor:
            return Survivor(mutant=mutant, proof=proof.equal(mutant.number))

        with ThreadPoolExecutor(jobs) as pool:
            try:
                for survivor in pool.map(judge, survived):
                    survivors.append(survivor)
                    tell(f"proof of {len(survived) - len(survivors)} survivors", 0)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return Score(
        mutants=len(trial.mutants.listed),
        survivors=tuple(survivors),
        seconds=perf_counter() - began,
    )
