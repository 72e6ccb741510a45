"""Counts through the inputs of every case in one Verilator build."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from sim.build import CACHE, EXECUTABLE, Recipe, build
from sim.equivalence.cases import Case
from sim.equivalence.columns import MacroCase, columns_bench
from sim.equivalence.wrapper import bench

# An index beyond the last lane reads the last weight, which Verilog says by leaving it out.
_FLAGS = ("-Wno-CASEINCOMPLETE",)

_MAIN = """\
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include "Vtop.h"
#include "verilated.h"

template <typename Tick>
static void count(VerilatedContext& context, Vtop& top, Tick& tick, const IData& left_out,
                  unsigned long inputs) {
  const auto began = std::chrono::steady_clock::now();
  top.eval();
  for (unsigned long done = 0; done < inputs && !context.gotFinish(); ++done) {
    tick = !tick;
    top.eval();
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%s %u %.3f\\n", context.gotFinish() ? "differs" : "equal", left_out, took.count());
}

int main(int argc, char** argv) {
  VerilatedContext context;
  Vtop top(&context);
  switch (argc == 2 ? std::atoi(argv[1]) : -1) {
CASES
  default: return 1;
  }
  return 0;
}
"""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a case gave: inputs or cycles compared, inputs that no feeder can give, seconds."""

    case: Case | MacroCase
    compared: int
    left_out: int
    seconds: float


class DifferenceError(AssertionError):
    """Two forms differ; the message names the case and its first such input or cycle."""


def prove(
    cases: Sequence[Case],
    jobs: int = 2,
    cache: Path = CACHE,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[Proof]:
    """Prove words and gates of ``cases`` equal, ``jobs`` at a time; yield each when it is done.

    ``tell`` is told what comes next. Raise ``DifferenceError`` at the first input for which the
    forms differ.
    """
    tell(f"Verilog of {len(cases)} cases")
    yield from _counted(*bench(cases), cases, jobs, cache, tell)


def prove_columns(
    cases: Sequence[MacroCase],
    jobs: int = 2,
    cache: Path = CACHE,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[Proof]:
    """The same for macros with their columns as one module and with a module for each."""
    tell(f"Verilog of {len(cases)} macros")
    yield from _counted(*columns_bench(cases), cases, jobs, cache, tell)


def _counted(
    verilog: str,
    counts: Sequence[int],
    cases: Sequence[Case] | Sequence[MacroCase],
    jobs: int,
    cache: Path,
    tell: Callable[[str], None],
) -> Iterator[Proof]:
    lines = [
        f"  case {k}: count(context, top, top.tick_{k}, top.left_out_{k}, {inputs}ul); break;"
        for k, inputs in enumerate(counts)
    ]
    main = _MAIN.replace("CASES", "\n".join(lines))
    recipe = Recipe(verilog=verilog, main=main, flags=_FLAGS)
    tell(f"Verilator, {len(cases)} cases")
    executable = build(recipe, cache) / EXECUTABLE
    tell(f"{sum(counts):,} inputs of {len(cases)} cases")

    def run(index: int) -> Proof:
        command = [str(executable), str(index)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        *seen, verdict = told.splitlines()
        word, left_out, seconds = verdict.split()
        if word != "equal":
            raise DifferenceError(f"{cases[index].name}: {seen[0]}")
        return Proof(
            case=cases[index],
            compared=counts[index] - int(left_out),
            left_out=int(left_out),
            seconds=float(seconds),
        )

    with ThreadPoolExecutor(jobs) as pool:
        pending = [pool.submit(run, index) for index in range(len(cases))]
        try:
            for future in as_completed(pending):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
