"""Verilog and a C++ main to an executable by Verilator, cached by the hash of all that goes in."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sim.verilator import Verilator, find

CACHE = Path(__file__).resolve().parent.parent / "build" / "verilator"
"""Builds by hash; deleting it only costs time. Each is complete: it gets its name when done."""

EXECUTABLE = "simulation"

# Amaranth leaves it to Verilog to widen and truncate, and writes signals of no bits as [-1:0].
# Every other warning is an error.
_WARNINGS = ("-Wno-WIDTH", "-Wno-ASCRANGE")
# Only the ports of the top stay visible; everything else may be optimised away.
_PUBLIC = ("--no-public-flat-rw", "--public-depth", "1")


class BuildError(RuntimeError):
    """Verilator or the compiler refused; the message ends with what it said."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What decides a build.

    verilog
        Text that defines the module ``top``.
    top
        Name of that module.
    main
        C++ text with ``main``.
    vpi
        Whether ports are reached by VPI, as cocotb does.
    link
        Linker flags.
    flags
        Further arguments of Verilator.
    optimize
        Flags of the C++ compiler for the model.
    waves
        Whether the executable can write a VCD file.
    """

    verilog: str
    main: str
    top: str = "top"
    vpi: bool = False
    link: str = ""
    flags: tuple[str, ...] = ()
    optimize: str = "-O3 -march=native"
    waves: bool = False

    def arguments(self) -> list[str]:
        """Arguments of Verilator, apart from files and folders."""
        return [
            *("--cc", "--exe", "--top-module", self.top, "--prefix", "Vtop", "-o", EXECUTABLE),
            *("-O3", "--quiet"),
            *_WARNINGS,
            *(("--vpi", *_PUBLIC) if self.vpi else ()),
            *(("-LDFLAGS", self.link) if self.link else ()),
            *(("--trace",) if self.waves else ()),
            *self.flags,
        ]

    @property
    def runtime(self) -> str:
        """Name of the variant of Verilator's runtime that this build links."""
        blocks = "-blocks" if self.hierarchical else ""
        return f"{'vpi' if self.vpi else 'plain'}-{'waves' if self.waves else 'silent'}{blocks}"

    @property
    def hierarchical(self) -> bool:
        """Whether modules marked as blocks are compiled by themselves, once each."""
        return "--hierarchical" in self.flags

    def digest(self, verilator: Verilator) -> str:
        """Hash of everything that decides the executable."""
        parts = [
            self.verilog,
            self.main,
            self.optimize,
            *self.arguments(),
            str(verilator.version),
            _processor() if "native" in self.optimize else "",
        ]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def build(recipe: Recipe, cache: Path = CACHE) -> Path:
    """Return the folder with the executable, ``top.v`` and ``build.log``; build it if need be."""
    verilator = find()
    folder = cache / recipe.digest(verilator)
    if folder.exists():
        return folder
    for tool in ("make", "g++"):
        if shutil.which(tool) is None:
            raise FileNotFoundError(f"{tool} is not on PATH: install make and g++")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=cache) as name:
        work = Path(name) / "work"
        done = Path(name) / "done"
        work.mkdir()
        done.mkdir()
        _compile(recipe, verilator, work, cache)
        for product in (EXECUTABLE, "top.v", "build.log"):
            shutil.move(work / product, done / product)
        _publish(done, folder)
    return folder


def _publish(done: Path, folder: Path) -> None:
    """Give ``done`` its final name, unless another process was first."""
    try:
        done.rename(folder)
    except OSError:
        if not folder.exists():
            raise


def _compile(recipe: Recipe, verilator: Verilator, work: Path, cache: Path) -> None:
    (work / "top.v").write_text(recipe.verilog)
    (work / "main.cpp").write_text(recipe.main)
    _run(
        [str(verilator.path), *recipe.arguments(), "-Mdir", ".", "main.cpp", "top.v"],
        verilator,
        work,
    )
    # Verilator's own runtime is the same in every build and half of the compiler's time.
    runtime = cache / f"runtime-{'.'.join(map(str, verilator.version))}-{recipe.runtime}"
    if runtime.exists():
        for runtime_object in runtime.iterdir():
            shutil.copyfile(runtime_object, work / runtime_object.name)
    _run(
        [
            *("make", "--no-print-directory", "-j2"),
            *(("-f", "Vtop_hier.mk", "hier_build") if recipe.hierarchical else ()),
            *(() if recipe.hierarchical else ("-f", "Vtop.mk", EXECUTABLE)),
            *verilator.make_flags,
            f"OPT_FAST={recipe.optimize}",
        ],
        verilator,
        work,
    )
    if not runtime.exists():
        made = work / "runtime"
        made.mkdir()
        for runtime_object in work.glob("verilated*.o"):
            shutil.copyfile(runtime_object, made / runtime_object.name)
        _publish(made, runtime)


def _run(command: list[str], verilator: Verilator, work: Path) -> None:
    environment = {**os.environ, **verilator.environment, "MAKEFLAGS": ""}
    with (work / "build.log").open("a") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        told = subprocess.run(
            command, cwd=work, env=environment, stdout=log, stderr=log, check=False
        )
    if told.returncode:
        said = (work / "build.log").read_text()[-2000:]
        raise BuildError(f"{command[0]} failed with code {told.returncode}:\n{said}")


def _processor() -> str:
    """Flags of this processor: a build for it must not be taken to another one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
