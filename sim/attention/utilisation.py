"""How busy the engine's array is: useful products over products that it could have made."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from golden.integer import RowScale
from golden.operator_spec import AttentionSpec
from hw.engine.engine import Engine
from hw.engine.plan import EnginePlan
from hw.verilog import emit
from sim.attention.jobs import Job, context, operand_fields, result_fields
from sim.beats import pack
from sim.native import Simulator, apart, build
from sim.row import require_equal

OPERANDS = ("jobs", "queries", "keys_values")


@dataclass(frozen=True, kw_only=True)
class Case:
    """Heads of one shape, one after the other, with a share of stalls on every stream."""

    queries: int
    keys: int
    head_size: int = 64
    heads: int = 12
    stalls: float = 0.0

    @property
    def macs(self) -> int:
        """Useful products: scores and contexts of every query and key."""
        return 2 * self.heads * self.queries * self.keys * self.head_size


@dataclass(frozen=True, kw_only=True)
class Utilisation:
    """Cycles from the first operand offered to the last context beat, softmax included."""

    case: Case
    cycles: int
    ideal: int
    seconds: float

    @property
    def share(self) -> float:
        """Useful products of those that the array could have made."""
        return self.ideal / self.cycles


CASES = (
    *(Case(queries=n, keys=n) for n in (16, 32, 64, 100, 128, 512)),
    *(Case(queries=n, keys=n, stalls=0.3) for n in (128, 512)),
    Case(queries=128, keys=128, heads=1),
    Case(queries=37, keys=200),
    Case(queries=128, keys=128, head_size=32),
    Case(queries=128, keys=128, head_size=128),
)


def plan_of(head_size: int) -> EnginePlan:
    """The default array of 1,024 products for heads of another size."""
    return EnginePlan(head_size=head_size)


def build_engine(spec: AttentionSpec, plan: EnginePlan) -> Simulator:
    """An engine in Verilator without Python in its cycles."""
    component = Engine(spec, plan)
    lanes = ("engine_", "requantizer_lane_", "exponential_", "interpolation_")
    return build(component, "engine", verilog=apart(emit(component, "engine"), *lanes))


def measure(
    simulator: Simulator, spec: AttentionSpec, plan: EnginePlan, case: Case, seed: int
) -> Utilisation:
    """Run ``case`` bit-exact with golden; raise ``Mismatch`` otherwise."""
    rng = np.random.default_rng(seed)
    jobs = [job for _ in range(case.heads) for job in _head(plan, case, rng)]
    ports = simulator.ports
    fields = operand_fields(spec, plan, jobs)
    expected = result_fields(plan, [context(spec, job) for job in jobs])
    result = simulator.run(
        {name: pack(ports[name].shape, fields[name]) for name in OPERANDS},
        {"o": len(expected["last"])},
        idle=case.stalls,
        stall=case.stalls,
        seed=seed,
    )
    require_equal("o", result.beats["o"], pack(ports["o"].shape, expected))
    first = min(int(result.offered[name][0]) for name in OPERANDS)
    return Utilisation(
        case=case,
        cycles=int(result.cycles["o"][-1]) - first + 1,
        ideal=-(-case.macs // (plan.lanes * spec.key_block)),
        seconds=result.seconds,
    )


def blocks(queries: int, rows: int) -> Sequence[slice]:
    """Queries in jobs of at most ``rows``, as equal as they can be."""
    count = -(-queries // rows)
    ends = [queries * index // count for index in range(count + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


def _head(plan: EnginePlan, case: Case, rng: np.random.Generator) -> list[Job]:
    """One head: codes of normal numbers, scores that spread as trained ones do."""
    d = case.head_size

    def codes(count: int) -> np.ndarray:
        return np.clip(np.rint(rng.normal(0, 40, (count, d))), -127, 127).astype(np.int64)

    query, key, value = codes(case.queries), codes(case.keys), codes(case.keys)
    mantissa = rng.integers(1 << 15, 1 << 16, case.queries)
    # A score of one standard deviation is about 3,000 integers: three powers of two.
    exponent = 40 - 31 + round(np.log2(3000 / (1600 * np.sqrt(d))))
    return [
        Job(
            query=query[rows],
            scale=RowScale(mantissa[rows], np.full(len(query[rows]), exponent)),
            key=key,
            value=value,
            mask=np.ones(case.keys, bool),
            causal=False,
            position=0,
            probability_bits=AttentionSpec(heads=1).probability_bits,
            score_multiplier=1 << 15,
            context_multiplier=1 << 15,
            context_offset=33,
        )
        for rows in blocks(case.queries, plan.rows)
    ]
