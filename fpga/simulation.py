"""The board ``sim``: a hosted design in Verilator, served on a pseudo-terminal."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from amaranth.back import verilog
from amaranth.hdl import ClockDomain, Fragment, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fpga.boards import Board
from fpga.design import Design
from fpga.host.client import LinkError
from fpga.hosted import Hosted
from fpga.sdram.model import VERILOG, SdramModel
from fpga.sdram.part import SdramPart
from hw.verilog import emit
from sim.accelerator.machine_bench import OPTIMIZE
from sim.accelerator.machine_text import for_verilator
from sim.blocks import split
from sim.build import CACHE, EXECUTABLE, Recipe, build

MAIN = Path(__file__).with_name("simulation.cpp")


class Flat:
    """A platform with every definition in its place, as on a board."""

    bitcells = "memory"
    arithmetic = "words"


class WithSdram(wiring.Component):
    """``hosted`` and the memory beside its chip.

    Members
    -------
    rx, tx : the line
    """

    def __init__(self, hosted: Hosted, part: SdramPart, hertz: float) -> None:
        self.hosted, self.part, self.hertz = hosted, part, hertz
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.hosted = hosted = self.hosted
        m.submodules.sdram = model = SdramModel(self.part)
        m.d.comb += [hosted.rx.eq(self.rx), self.tx.eq(hosted.tx)]
        wiring.connect(m, hosted.sdram, model.pins)
        for name, cycles in asdict(self.part.timing(self.hertz)).items():
            m.d.comb += getattr(model.limits, name).eq(cycles)
        return m


def flat_verilog(component: wiring.Component) -> str:
    """Verilog of ``component`` as module ``top``, with clk, rst and the ports of its members."""
    fragment = Fragment.get(component, Flat())
    domain = ClockDomain("sync")
    fragment.add_domains(domain)
    ports: dict[str, Any] = {"clk": (domain.clk, None), "rst": (domain.rst, None)}
    for path, _, value in component.signature.flatten(component):
        ports["__".join(map(str, path))] = (Value.cast(value), None)
    return verilog.convert_fragment(fragment, ports, "top", emit_src=False)[0]


def program_of(board: Board, design: Design) -> Path:
    """Build ``design`` as ``board`` would have it, and return the program that serves it."""
    words, divisor = board.identity(design).words(), board.divisor(design)
    top: wiring.Component = Hosted(design.target(), words, divisor)
    if design.sdram is not None:
        top = WithSdram(top, design.sdram, design.megahertz * 1e6)
    text = split(for_verilator(emit(top)))
    recipe = Recipe(
        verilog=text.top + ("" if design.sdram is None else VERILOG.read_text()),
        blocks=text.blocks,
        glue=text.glue,
        main=f"#define DIVISOR {divisor}\n{MAIN.read_text()}",
        # Amaranth writes the states of a machine and no others.
        flags=("-Wno-CASEINCOMPLETE",),
        optimize=OPTIMIZE,
    )
    return build(recipe, CACHE) / EXECUTABLE


@contextmanager
def served(program: Path) -> Iterator[str]:
    """Run ``program`` and give the name of its terminal; it ends with the block.

    Raise ``LinkError`` with its last words where it ended by itself.
    """
    with subprocess.Popen(
        [str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        except LinkError as error:
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
            if process.returncode:
                said = process.stdout.read().strip()
                raise LinkError(f"the simulated board stopped: {said}") from error
            raise
        finally:
            process.kill()
