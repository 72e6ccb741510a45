"""Runs a cocotb bench: component -> Verilog -> Verilator build (cached) -> test cases.

With ``waves`` the run writes ``dump.vcd`` into its folder; open it with GTKWave or Surfer.
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cocotb_tools.config
import find_libpython

from sim.build import CACHE, EXECUTABLE, Recipe, build

PACKAGE_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Case:
    """One test case of a bench: its name, its wall seconds, and why it failed, if it did."""

    name: str
    seconds: float
    failure: str | None = None


class BenchError(AssertionError):
    """A bench failed; the message names its cases, its seed and the log."""


def recipe(verilog: str, waves: bool = False) -> Recipe:
    """Return how to build ``verilog`` for cocotb."""
    libraries = cocotb_tools.config.libs_dir
    main = cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"
    return Recipe(
        verilog=verilog,
        main=main.read_text(),
        vpi=True,
        link=f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator",
        # Python takes most of a run's time: quick to compile beats quick to run.
        optimize="-O1",
        waves=waves,
    )


def run(
    verilog: str,
    module: str,
    folder: Path,
    *,
    seed: int,
    plusargs: Mapping[str, object] | None = None,
    waves: bool = False,
    limit_seconds: float = 600,
    cache: Path = CACHE,
) -> list[Case]:
    """Run the cocotb tests of Python module ``module`` on ``verilog``, whose top is ``top``.

    Logs, results and waveforms go to ``folder``. Raise ``BenchError`` if a case fails.
    """
    executable = build(recipe(verilog, waves), cache) / EXECUTABLE
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / "results.xml"
    results.unlink(missing_ok=True)
    command = [
        str(executable),
        *(("--trace",) if waves else ()),
        *(f"+{name}={value}" for name, value in ({"seed": seed} | dict(plusargs or {})).items()),
    ]
    log = folder / "bench.log"
    with log.open("w") as output:
        try:
            told = subprocess.run(
                command,
                cwd=folder,
                env=os.environ | _environment(module, results, seed),
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=limit_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BenchError(f"{module} took more than {limit_seconds} s, see {log}") from None
    cases = read_results(results) if results.exists() else []
    failed = [case for case in cases if case.failure is not None]
    if failed or not cases or told.returncode:
        reasons = "\n".join(f"{case.name}: {case.failure}" for case in failed)
        reasons = reasons or log.read_text()[-2000:]
        raise BenchError(
            f"{module} failed {len(failed)} of {len(cases)} cases with seed {seed}, "
            f"see {log}\n{reasons}"
        )
    return cases


def read_results(path: Path) -> list[Case]:
    """Read the cases of a cocotb results file."""
    cases = []
    for case in ElementTree.parse(path).iter("testcase"):
        verdict = next(
            (case.find(kind) for kind in ("failure", "error") if case.find(kind) is not None), None
        )
        failure = None
        if verdict is not None:
            failure = (verdict.get("message") or verdict.text or "failed").strip()
        cases.append(
            Case(
                name=case.get("name", ""),
                seconds=float(case.get("time", 0)),
                failure=failure,
            )
        )
    return cases


def _environment(module: str, results: Path, seed: int) -> dict[str, str]:
    """What cocotb's library reads when the simulator loads it (cocotb docs, custom flows)."""
    libpython = find_libpython.find_libpython()
    if libpython is None:
        raise FileNotFoundError("this Python has no shared library: install its libpython package")
    return {
        "COCOTB_TOPLEVEL": "top",
        "COCOTB_TEST_MODULES": module,
        "COCOTB_RESULTS_FILE": str(results),
        "COCOTB_RANDOM_SEED": str(seed),
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        "TOPLEVEL_LANG": "verilog",
        "GPI_USERS": f"{libpython};{cocotb_tools.config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(PACKAGE_ROOT), *sys.path]),
    }
