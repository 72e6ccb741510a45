"""Verilog and a C++ main to an executable by Verilator, cached by the hash of all that goes in."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sim.blocks import Block
from sim.verilator import Verilator, find

CACHE = Path(__file__).resolve().parent.parent / "build" / "verilator"
"""Builds by hash; deleting it only costs time. Each is complete: it gets its name when done."""

EXECUTABLE = "simulation"

# Amaranth leaves it to Verilog to widen and truncate, and writes signals of no bits as [-1:0].
# Every other warning is an error.
_WARNINGS = ("-Wno-WIDTH", "-Wno-ASCRANGE")
_COMMON = ("-O3", "--quiet", *_WARNINGS)
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
    blocks, glue
        Modules that ``verilog`` calls as models of their own, and the C++ text in between.
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
    blocks: tuple[Block, ...] = ()
    glue: str = ""
    vpi: bool = False
    link: str = ""
    flags: tuple[str, ...] = ()
    optimize: str = "-O3 -march=native"
    waves: bool = False

    def arguments(self) -> list[str]:
        """Arguments of Verilator, apart from files and folders."""
        return [
            *("--cc", "--exe", "--top-module", self.top, "--prefix", "Vtop", "-o", EXECUTABLE),
            *_COMMON,
            *(("--vpi", *_PUBLIC) if self.vpi else ()),
            *(("-LDFLAGS", self.link) if self.link else ()),
            *(("--trace",) if self.waves else ()),
            *self.flags,
        ]

    @property
    def runtime(self) -> str:
        """Name of the variant of Verilator's runtime that this build links."""
        blocks = "-blocks" if self.blocks else ""
        return f"{'vpi' if self.vpi else 'plain'}-{'waves' if self.waves else 'silent'}{blocks}"

    def digest(self, verilator: Verilator) -> str:
        """Hash of everything that decides the executable."""
        parts = [
            self.verilog,
            self.main,
            *((self.glue,) if self.blocks else ()),
            *(f"{block.prefix} {block.name} {block.verilog}" for block in self.blocks),
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
    sources = ["main.cpp", "top.v"]
    if recipe.blocks:
        (work / "glue.cpp").write_text(recipe.glue)
        sources += ["glue.cpp", *(_archive(block) for block in recipe.blocks)]
    commands = [[*recipe.arguments(), "-Mdir", ".", *sources]]
    for block in recipe.blocks:
        (work / f"{block.prefix}.v").write_text(block.verilog)
        names = ("--top-module", block.name, "--prefix", block.prefix, "-Mdir", block.prefix)
        commands.append(["--cc", *names, *_COMMON, f"{block.prefix}.v"])

    def verilate(arguments: list[str]) -> None:
        _run([str(verilator.path), *arguments], verilator, work)

    # Half of the time of a build, by one thread each.
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(verilate, commands))
    # Verilator's own runtime is the same in every build and half of the compiler's time.
    runtime = cache / f"runtime-{'.'.join(map(str, verilator.version))}-{recipe.runtime}"
    if runtime.exists():
        for runtime_object in runtime.iterdir():
            shutil.copyfile(runtime_object, work / runtime_object.name)
    models = [(block.prefix, f"{block.prefix}__ALL.a") for block in recipe.blocks]
    for prefix, product in (*models, ("Vtop", EXECUTABLE)):
        folder = "." if product == EXECUTABLE else prefix
        _run(
            [
                *("make", "--no-print-directory", "-j2", "-C", folder),
                *("-f", f"{prefix}.mk", product),
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


def _archive(block: Block) -> str:
    return f"{block.prefix}/{block.prefix}__ALL.a"


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
