"""Programs on the accelerator's RTL in Verilator, with a model of memory beside it in C++.

``build(Accelerator(plan))`` compiles once; ``run`` executes jobs one after the other in one
process, with whatever faults and pauses they ask for. ``sim/accelerator/native.cpp`` is the loop.
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from amaranth.hdl import Shape
from amaranth.lib import wiring
from numpy.typing import NDArray

from hw.accelerator import registers
from hw.accelerator.axi import MASTER
from hw.accelerator.faults import Fault
from hw.accelerator.layout import UNITS
from hw.verilog import VerilogPlatform
from sim.accelerator.machine_text import machine_verilog
from sim.blocks import split
from sim.build import CACHE, EXECUTABLE, Recipe
from sim.build import build as build_recipe
from sim.execution import execute

MAIN = Path(__file__).with_name("native.cpp")

OPTIMIZE = "-O1 -march=native"
"""Flags of the C++ compiler: more takes longer to compile a machine than most runs of it take."""

_BUS_ERROR = 3
_OFFSETS = registers.offsets()
_COUNTERS = tuple(
    one.name for one in registers.registers() if one.name.startswith((*UNITS, "read", "written"))
)
_INTERRUPTS = 3
_DRAINING = 1 << 2
_PATIENCE = 10_000


@dataclass(frozen=True, kw_only=True)
class Job:
    """One program's run.

    image
        Bytes to put into memory first, by their place.
    results
        Parts of memory to read afterwards: place and size by name.
    program, arguments
        Where the program begins, and what its registers 1 to 4 begin with.
    limit
        Cycles after which the run is given up and reported as it is.
    watchdog
        Cycles without progress that end it in a fault; 0 for none.
    latency, pace
        Of memory: cycles to a burst's first beat, and cycles from beat to beat.
    stall, seed
        Share of cycles in which each channel of memory pauses.
    read_error, write_error
        The beat read, or burst written, that is answered with an error.
    silent
        Answers after which memory gives no more.
    reset
        Whether the machine is reset before the job, by its pin; memory keeps its bytes.
    abort
        Whether a program that may still run is ended first, by the control register.
    stopped
        Cycles after which the job itself is ended by the control register.
    sample
        Cycles between samples of the counters, 0 for none.
    completions
        Whether to tell when each instruction was complete.
    """

    image: Mapping[int, NDArray[np.uint8]] = field(default_factory=dict)
    results: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    program: int = 0
    arguments: Sequence[int] = ()
    limit: int = 1_000_000
    watchdog: int = 100_000
    latency: int = 40
    pace: int = 1
    stall: float = 0.0
    seed: int = 0
    read_error: int | None = None
    write_error: int | None = None
    silent: int | None = None
    reset: bool = False
    abort: bool = False
    stopped: int | None = None
    sample: int = 0
    completions: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a job.

    state, fault, unit
        As the status register has them.
    interrupted
        Whether the interrupt came within the limit.
    cycles
        From the start to the end, as the machine counts them; ``waited`` as the bench does, with
        the writing of the last registers.
    counters
        Every counter by name: ``cores_busy``, ``read_beats`` and so on.
    results
        Parts of memory by name.
    samples
        Rows of cycle and every unit's counters (``registers.COUNTERS`` per unit) at that time.
    completions
        Rows of cycle and number of the unit, in order, if they were asked for.
    seconds
        Wall time of the simulation from start to end.
    """

    state: int
    fault: Fault
    unit: int
    interrupted: bool
    cycles: int
    waited: int
    counters: Mapping[str, int]
    results: Mapping[str, NDArray[np.uint8]]
    samples: NDArray[np.int64]
    completions: NDArray[np.int64]
    seconds: float

    @property
    def done(self) -> bool:
        """Whether the program came to its end."""
        return self.state == registers.DONE


class MachineError(RuntimeError):
    """The machine broke a rule of its buses."""


class MachineSimulator:
    """An executable that runs one accelerator."""

    def __init__(self, executable: Path) -> None:
        self.executable = executable

    def run(
        self,
        jobs: Iterable[Job],
        memory_bytes: int,
        *,
        base: int = 0,
        limit_seconds: float | None = None,
    ) -> list[Outcome]:
        """Run ``jobs`` one after the other on one machine with one memory, zeros at first.

        Memory is ``memory_bytes`` long and begins at bus address ``base``. Raise ``MachineError``
        if the machine breaks a rule of AXI, ``TimeoutError`` after ``limit_seconds``.
        """
        listed = list(jobs)
        with tempfile.TemporaryDirectory(prefix="machine-") as name:
            folder = Path(name)
            lines = [f"memory {memory_bytes} {base}"]
            for index, job in enumerate(listed):
                lines += _script(job, index, folder, memory_bytes, base)
            (folder / "script").write_text("\n".join(lines) + "\n")
            told = iter(self._execute(folder, limit_seconds))
            return [_outcome(job, index, folder, told) for index, job in enumerate(listed)]

    def _execute(self, folder: Path, limit_seconds: float | None) -> list[list[str]]:
        told = execute(self.executable, folder, limit_seconds, {_BUS_ERROR: MachineError})
        return [line.split() for line in told.splitlines()]


def build(
    accelerator: wiring.Component,
    *,
    platform: VerilogPlatform | None = None,
    optimize: str = OPTIMIZE,
    cache: Path = CACHE,
) -> MachineSimulator:
    """Build ``accelerator``, or any component with its ports; the build is kept."""
    bus = accelerator.signature.members[f"{MASTER}_rdata"].shape
    verilog = machine_verilog(accelerator, platform)
    design = split(verilog)
    defined = f"#define BUS_BYTES {Shape.cast(bus).width // 8}\n"
    defined += "#define COMPLETIONS\n" if "public_flat_rd" in verilog else ""
    recipe = Recipe(
        verilog=design.top,
        main=f"{defined}{MAIN.read_text()}",
        blocks=design.blocks,
        glue=design.glue,
        optimize=optimize,
    )
    return MachineSimulator(build_recipe(recipe, cache) / EXECUTABLE)


def _script(job: Job, index: int, folder: Path, memory_bytes: int, base: int) -> list[str]:
    """Commands of one job for ``sim/accelerator/native.cpp``."""
    lines = ["reset"] if job.reset else []
    lines += [f"write {_OFFSETS['control']} 2"] if job.abort else []
    # Until the last program's writes have ended, memory is not the host's.
    lines.append(f"drain {_OFFSETS['status']} {_DRAINING} {_PATIENCE}")
    for place, content in job.image.items():
        name = f"image-{index}-{place}"
        np.ascontiguousarray(content, np.uint8).tofile(folder / name)
        lines.append(f"load {name} {place}")
    events = (job.read_error, job.write_error, job.silent)
    values = {
        "program": job.program,
        "memory_base": base,
        "memory_size": memory_bytes,
        "watchdog": job.watchdog,
        "interrupt_enable": _INTERRUPTS,
        "interrupt": _INTERRUPTS,
        **{f"argument_{number}": value for number, value in enumerate(job.arguments, 1)},
    }
    lines += [
        f"timing {job.latency} {job.pace}",
        f"stall {job.stall} {job.seed}",
        f"fail {' '.join(str(-1 if one is None else one) for one in events)}",
        *(f"write {_OFFSETS[name]} {value}" for name, value in values.items()),
        f"write {_OFFSETS['control']} 1",
    ]
    if job.sample:
        sampled = [_OFFSETS[name] for name in _COUNTERS if name.startswith(UNITS)]
        lines.append(f"sample samples-{index} {job.sample} {' '.join(map(str, sampled))}")
    else:
        lines.append("sample none 0")
    lines.append(f"completions {f'completions-{index}' if job.completions else 'none'}")
    if job.stopped is not None:
        lines.append(f"stop {job.stopped} {_OFFSETS['control']} 2")
    lines.append(f"wait {job.limit}")
    names = ("status", "cycles_low", "cycles_high", *_COUNTERS)
    lines += [f"read {_OFFSETS[name]}" for name in names]
    lines += [
        f"save result-{index}-{number} {place} {size}"
        for number, (place, size) in enumerate(job.results.values())
    ]
    return lines


def _outcome(job: Job, index: int, folder: Path, told: Iterable[list[str]]) -> Outcome:
    lines = iter(told)
    waited, interrupted, seconds = next(lines)
    status, low, high, *counters = (int(next(lines)[0]) for _ in range(3 + len(_COUNTERS)))
    samples, completions = folder / f"samples-{index}", folder / f"completions-{index}"
    return Outcome(
        state=status & 3,
        fault=Fault(status >> 4 & 15),
        unit=status >> 8 & 15,
        interrupted=interrupted == "1",
        cycles=low | high << 32,
        waited=int(waited),
        counters=dict(zip(_COUNTERS, counters, strict=True)),
        results={
            name: np.fromfile(folder / f"result-{index}-{number}", np.uint8)
            for number, name in enumerate(job.results)
        },
        samples=np.loadtxt(samples, np.int64, ndmin=2) if job.sample else np.zeros((0, 1), int),
        completions=_numbers(completions) if job.completions else np.zeros((0, 2), int),
        seconds=float(seconds),
    )


def _numbers(file: Path) -> NDArray[np.int64]:
    return np.fromstring(file.read_text(), np.int64, sep=" ").reshape(-1, 2)
